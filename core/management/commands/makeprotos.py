"""Generates the Python modules of the .proto files."""

from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from grpc_tools import protoc

FOLDER = "protos"


class Command(BaseCommand):
    help = "Generates protos/*_pb2.py, *_pb2.pyi and *_pb2_grpc.py from the .proto files in protos/."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", default=str(settings.BASE_DIR), help="folder for protos/ (the project's)")

    def handle(self, *args: object, **options: object) -> None:
        root, out = Path(settings.BASE_DIR), options["out"]
        # From the root, so that the modules import each other as protos.product_pb2.
        sources = sorted(str(path.relative_to(root)) for path in (root / FOLDER).rglob("*.proto"))
        outputs = [f"--{kind}_out={out}" for kind in ("python", "pyi", "grpc_python")]
        well_known = Path(protoc.__file__).parent / "_proto"
        if protoc.main(["protoc", f"-I{root}", f"-I{well_known}", *outputs, *sources]):
            raise CommandError("protoc refused the .proto files.")
