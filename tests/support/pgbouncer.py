"""A PgBouncer process in transaction mode, in front of the test run's PostgreSQL."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.live import free_port
from tests.support.processes import readable_by_all
from tests.support.waiting import wait_until

CONFIG = """
[databases]
* = host={host} port={port} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {pool}
max_client_conn = 200
logfile = {folder}/pgbouncer.log
{user_line}
"""


class Pooler:
    """PgBouncer with `pool` connections to PostgreSQL for all its clients."""

    def __init__(self, folder: Path, database_url: str, pool: int) -> None:
        self._parts, self._folder, self.port = urlsplit(database_url), folder, free_port()
        self.url = self._parts._replace(netloc=f"{self._parts.username}@127.0.0.1:{self.port}").geturl()
        is_root = os.geteuid() == 0
        (folder / "pgbouncer.ini").write_text(
            CONFIG.format(
                host=self._parts.hostname,
                port=self._parts.port or 5432,
                user=self._parts.username,
                listen=self.port,
                pool=pool,
                folder=folder,
                user_line="user = postgres" if is_root else "",  # it refuses to run as root
            )
        )
        if is_root:
            shutil.chown(folder, "postgres")
            readable_by_all(folder)
        self.start()

    def start(self) -> None:
        command = ["pgbouncer", "-q", str(self._folder / "pgbouncer.ini")]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_until(self._listens)

    def _listens(self) -> bool:
        assert self._process.poll() is None, (self._folder / "pgbouncer.log").read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def pooler(folder: Path, database_url: str, pool: int = 2) -> Iterator[Pooler]:
    """Run a PgBouncer while the block runs."""
    (place := folder / "pgbouncer").mkdir()
    started = Pooler(place, database_url, pool)
    try:
        yield started
    finally:
        started.kill()
