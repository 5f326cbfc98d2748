"""A process of `manage.py quickstart`."""

import os
import socket
import time
from pathlib import Path

import httpx

from tests.support.live import free_port
from tests.support.waiting import PATIENCE_S, START_S, wait_until_started
from tests.support.warm_start import WarmProcess


class Quickstart:
    """One process of the command."""

    def __init__(self, folder: Path, database_url: str, *options: str, **env: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.out, self.err = folder / "out", folder / "err"
        self.grpc_port = free_port()
        addresses = ["--http", f"127.0.0.1:{self.port}", "--grpc", f"127.0.0.1:{self.grpc_port}"]
        inherited = {name: value for name, value in os.environ.items() if name not in ("LOG_LEVEL", "DEMO_PASSWORD")}
        env = {**inherited, "DATABASE_URL": database_url, **env}
        self.process = WarmProcess(["quickstart", *addresses, *options], env, self.out, self.err)

    def wait_until_ready(self) -> str:
        """Return what it printed once /health/ready answers 200."""
        wait_until_started(self.process, self._is_ready, self.err.read_text)
        return self.out.read_text()

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=START_S).status_code == 200
        except httpx.TransportError:
            return False

    def listens(self) -> bool:
        """Whether any of its ports still takes connections."""
        return any(socket.socket().connect_ex(("127.0.0.1", port)) == 0 for port in (self.port, self.grpc_port))

    def stop(self, how: int) -> tuple[int, float]:
        """Send a signal; return the exit code and the seconds it took."""
        start = time.monotonic()
        self.process.send_signal(how)
        return self.process.wait(PATIENCE_S), time.monotonic() - start
