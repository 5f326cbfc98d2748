"""The .proto files, checked by buf: their form, their comments, and that old clients can still call (buf.yaml)."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.live import ROOT

RELEASED = ROOT / "protos" / "released.binpb"


@pytest.fixture(scope="module")
def buf(npm_packages: str) -> str:
    return f"{npm_packages}/node_modules/.bin/buf"


def checked(*command: str, folder: Path = ROOT) -> str:
    """Run buf; return its findings."""
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False).stdout


def test_protos_have_no_finding_of_lint(buf: str) -> None:
    assert checked(buf, "lint") == ""


def test_protos_break_no_client_of_the_released_ones(buf: str) -> None:
    assert checked(buf, "breaking", "--against", str(RELEASED)) == ""


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("int32 stock = 5;", "int32 stock = 50;", "field"),
        ("double price = 4;", "string price = 4;", "type"),
        ("rpc DeleteProduct(", "rpc RemoveProduct(", "RPC"),
    ],
)
def test_change_that_breaks_clients_is_found(buf: str, tmp_path: Path, old: str, new: str, finding: str) -> None:
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    shutil.copytree(ROOT / "protos", tmp_path / "protos", ignore=shutil.ignore_patterns("*.py*"))
    file = tmp_path / "protos" / "product.proto"
    file.write_text(file.read_text().replace(old, new))

    assert finding in checked(buf, "breaking", "--against", str(RELEASED), folder=tmp_path)
