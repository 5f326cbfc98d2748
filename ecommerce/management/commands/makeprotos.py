"""Generates the second version of the .proto files, and the Python modules of both."""

from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from grpc_tools import protoc

from ecommerce.second_protos import second_protos

FOLDER = "protos"
SECOND_VERSION = f"{FOLDER}/v2/shop.proto"


class Command(BaseCommand):
    help = f"Generates {SECOND_VERSION}, and *_pb2.py, *_pb2.pyi and *_pb2_grpc.py from the .proto files in protos/."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", default=str(settings.BASE_DIR), help="folder for protos/ (the project's)")

    def handle(self, *args: object, **options: object) -> None:
        root, out = Path(settings.BASE_DIR), Path(str(options["out"]))
        second = out / SECOND_VERSION
        second.parent.mkdir(parents=True, exist_ok=True)
        second.write_text(second_protos(root / FOLDER))
        # Named from the folders above protos/, so that the modules import each other as protos.product_pb2.
        sources = [*sorted(map(str, (root / FOLDER).glob("*.proto"))), str(second)]
        outputs = [f"--{kind}_out={out}" for kind in ("python", "pyi", "grpc_python")]
        well_known = Path(protoc.__file__).parent / "_proto"
        if protoc.main(["protoc", f"-I{out}", f"-I{root}", f"-I{well_known}", *outputs, *sources]):
            raise CommandError("protoc refused the .proto files.")
