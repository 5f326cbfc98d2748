"""Virtual environments of the contestants: made once for each version of their requirements, outside the checkout."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from benchmarks.compare.progress import say

PEERS = Path(__file__).resolve().parents[1] / "peers"
PLACE = Path(tempfile.gettempdir()) / "shop-compare"
REQUIREMENTS = {
    "peers": PEERS / "requirements.txt",
    "strawberry": PEERS / "requirements-strawberry.txt",
    "bolt": PEERS / "requirements-bolt.txt",
}
NEWER = {"bolt"}  # these need Python 3.12


class CannotInstall(Exception):
    pass


def environment(name: str) -> Path:
    """Return the interpreter of an environment, and create it if it is missing. Raises CannotInstall."""
    python, reason = _made(name)
    if reason:
        raise CannotInstall(reason)
    return python


@cache
def _made(name: str) -> tuple[Path, str]:
    """Return the interpreter, and the reason if it could not be installed: no second attempt in one run."""
    file = REQUIREMENTS[name]
    folder = PLACE / f"{name}-{hashlib.sha256(file.read_bytes()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    try:
        if not (folder / "complete").exists():
            say(f"installing {file.name} into {folder}")
            _install(file, folder, python, needs_newer=name in NEWER)
    except CannotInstall as failure:
        return python, str(failure)
    return python, ""


def _install(file: Path, folder: Path, python: Path, *, needs_newer: bool) -> None:
    command, env = _newer_python() if needs_newer else ([sys.executable], {})
    _run([*command, "-m", "venv", "--clear", str(folder)], env)
    _run([str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(file)], {})
    (folder / "complete").touch()


def _newer_python() -> tuple[list[str], dict[str, str]]:
    """Return Python 3.12 or newer, and its variables: pyenv's commands run the version in PYENV_VERSION."""
    if sys.version_info >= (3, 12):
        return [sys.executable], {}
    for version in ("3.12", "3.13", "3.14"):
        found, env = shutil.which(f"python{version}"), {"PYENV_VERSION": version}
        works = [found, "-c", "import venv"] if found else ["false"]
        if subprocess.run(works, env=os.environ | env, capture_output=True, check=False).returncode == 0:
            return works[:1], env
    raise CannotInstall("needs Python 3.12 or newer, which is not installed")


def _run(command: list[str], env: dict[str, str]) -> None:
    done = subprocess.run(command, env=os.environ | env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotInstall(f"{' '.join(command[1:])}: {done.stderr[-300:].strip()}")
