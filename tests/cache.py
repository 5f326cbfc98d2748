"""nginx as a cache in front of a server of the shop, run from examples/nginx.conf.

with cache_before(shop.url, tmp_path) as cache:
    answer = httpx.get(f"{cache.url}/api/v1/products")
    assert answer.headers["x-cache"] == "MISS"
"""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from tests.live import ROOT, START_S, free_port

EXAMPLE = ROOT / "examples/nginx.conf"
OWN_CHOICE = ("proxy_cache_bypass $http_authorization;", "proxy_no_cache $http_authorization;")


class Cache(NamedTuple):
    url: str
    folder: Path

    def kept(self) -> list[bytes]:
        """Return every answer that lies in the cache, headers and all."""
        return [path.read_bytes() for path in (self.folder / "cache").rglob("*") if path.is_file()]


@contextmanager
def cache_before(shop_url: str, folder: Path, *, is_naive: bool = False) -> Iterator[Cache]:
    """Run nginx with the example's file, at a port of ours; a naive one has nothing but the shop's word to go by."""
    port = free_port()
    config = EXAMPLE.read_text()
    ours = {"server 127.0.0.1:8000;": f"server {urlsplit(shop_url).netloc};", "127.0.0.1:8080": f"127.0.0.1:{port}"}
    ours |= dict.fromkeys(OWN_CHOICE, "") if is_naive else {}
    for theirs, text in ours.items():
        assert config.count(theirs) == 1, theirs
        config = config.replace(theirs, text)
    folder.chmod(0o755)
    (folder / "nginx.conf").write_text(f"user {_owner()};\n{config}")
    command = [shutil.which("nginx") or "nginx", "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"]
    process = subprocess.Popen([*command, "-g", "daemon off;"])
    try:
        _wait_until_it_answers(port, process)
        yield Cache(f"http://127.0.0.1:{port}", folder)
    finally:
        process.terminate()
        process.wait(START_S)


def _owner() -> str:
    # Started by root, its workers would else be another user, who may not enter a test's folder.
    return Path("/").owner() if Path("/proc/self").owner() == "root" else Path("/proc/self").owner()


def _wait_until_it_answers(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"http://127.0.0.1:{port}/health/live", timeout=5).raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("nginx did not start")
