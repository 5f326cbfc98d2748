"""Programs in Go, built with Debian's packages and without a download.

Programs of the standard library need golang-go. Programs of gRPC need golang-google-grpc-dev of Debian 13 or newer,
protoc-gen-go and protoc-gen-go-grpc too: Debian 12 has no `grpc.NewClient` yet.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.live import ROOT

DEBIAN_PACKAGES = "/usr/share/gocode"
PLUGINS = ("protoc-gen-go", "protoc-gen-go-grpc")
PROTOS = ("product", "order", "account", "report", "v2/shop")


class Go:
    """The tools of Go; `path` is GOPATH, a list of folders, the first of which is empty and belongs to the tests."""

    def __init__(self, path: str) -> None:
        self._env = {**os.environ, "GO111MODULE": "off", "GOPATH": path, "GOFLAGS": "-buildvcs=false"}
        self.sources = Path(path.split(":")[0], "src")

    def build(self, text: str) -> Path:
        """Compile the text of a program; return the executable."""
        file, program = self.sources / "main.go", self.sources / "program"
        file.write_text(text)
        self._run("go", "build", "-o", str(program), str(file))
        return program

    def vet(self, programs: dict[str, str]) -> None:
        """Compile programs and check them for usual mistakes; the key is a name."""
        for name, text in programs.items():
            folder = self.sources / "vetted" / name
            folder.mkdir(parents=True)
            (folder / "main.go").write_text(text)
        self._run("go", "vet", "./vetted/...")

    def formatted(self, text: str) -> str:
        return self._run("gofmt", text=text)

    def _run(self, *command: str, text: str | None = None) -> str:
        ran = subprocess.run(command, cwd=self.sources, env=self._env, capture_output=True, text=True, input=text)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout


@pytest.fixture(scope="session")
def go(tmp_path_factory: pytest.TempPathFactory) -> Go:
    if shutil.which("go") is None:
        pytest.skip("needs Go: golang-go is not installed")
    folder = tmp_path_factory.mktemp("go")
    (folder / "src").mkdir()
    return Go(f"{folder}:{os.environ.get('GOPATH', DEBIAN_PACKAGES)}")


@pytest.fixture(scope="session")
def go_grpc(go: Go) -> Go:
    """Go with the shop's generated packages."""
    library = Path(os.environ.get("GOPATH", DEBIAN_PACKAGES), "src/google.golang.org/grpc/clientconn.go")
    if not library.exists() or "func NewClient(" not in library.read_text() or not all(map(shutil.which, PLUGINS)):
        pytest.skip("needs Go's gRPC 1.63 or newer with its generators: golang-google-grpc-dev of Debian 13 has it")
    out = [f"--{name}_out={go.sources}" for name in ("go", "go-grpc")]
    files = [f"protos/{name}.proto" for name in PROTOS]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", "-I.", *out, *files], cwd=ROOT, check=True)
    return go
