"""nginx as a cache in front of a server of the shop, run from examples/nginx.conf.

with cache_before(shop.url, tmp_path) as cache:
    answer = httpx.get(f"{cache.url}/api/v1/products")
    assert answer.headers["x-cache"] == "MISS"
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.support.live import ROOT, free_port
from tests.support.waiting import START_S, responds, wait_until_started

EXAMPLE = ROOT / "examples/nginx.conf"
OWN_CHOICE = ("proxy_cache_bypass $http_authorization;", "proxy_no_cache $http_authorization;")


class Cache(NamedTuple):
    url: str
    folder: Path

    def kept(self) -> list[bytes]:
        """Return every cached response, with its headers."""
        return [path.read_bytes() for path in (self.folder / "cache").rglob("*") if path.is_file()]


@contextmanager
def cache_before(shop_url: str, folder: Path, *, is_naive: bool = False) -> Iterator[Cache]:
    """Run nginx from the example on a free port. If `is_naive`, only the shop's response headers control the cache."""
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
        is_up, error_log = f"http://127.0.0.1:{port}/health/live", folder / "error.log"
        wait_until_started(process, lambda: responds(is_up, timeout_s=5), error_log.read_text)
        yield Cache(f"http://127.0.0.1:{port}", folder)
    finally:
        process.terminate()
        process.wait(START_S)


def _owner() -> str:
    # If root starts nginx, its workers run by default as another user, who can't read a test's folder.
    return Path("/").owner() if Path("/proc/self").owner() == "root" else Path("/proc/self").owner()
