"""A PostgreSQL primary of its own with a streaming replica."""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from tests.support.live import free_port
from tests.support.processes import readable_by_all
from tests.support.waiting import wait_until

SETTINGS = ("listen_addresses=127.0.0.1", "fsync=off", "max_connections=60", "hot_standby=on", "wal_level=replica")


def programs() -> Path | None:
    """Return the folder of PostgreSQL's newest programs; None if they are not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_basebackup"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@pytest.fixture(scope="session")
def requires_postgresql_programs(requires_postgresql) -> None:
    if programs() is None:
        if os.environ.get("SHOP_REQUIRE_SERVICES"):
            pytest.fail("PostgreSQL's programs are required in this run: install postgresql")
        pytest.skip("needs PostgreSQL's programs: they are not installed")


class Instance:
    """A PostgreSQL server of this test, on a port of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        self._bin = programs()
        user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}

    def run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), *arguments]
        subprocess.run(command, check=True, cwd=self.folder, capture_output=True, timeout=120, **self._as)

    def initialise(self) -> None:
        options = ("-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8")
        self.run("initdb", "-D", str(self.folder / "data"), *options)

    def copy(self, primary: "Instance") -> None:
        """Make the data a copy of the primary's, which the server then follows."""
        source = ("-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres")
        self.run("pg_basebackup", "-D", str(self.folder / "data"), *source, "-R", "-c", "fast", "--no-sync")

    def start(self) -> None:
        options = [part for setting in SETTINGS for part in ("-c", setting)]
        command = [str(self._bin / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)]
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [*command, "-k", str(self.folder), *options], cwd=self.folder, stdout=log, stderr=log, **self._as
        )
        wait_until(self._answers)

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self.folder / "log").read_text()
        with suppress(psycopg.OperationalError):
            self.execute("SELECT 1")
            return True
        return False

    def execute(self, statement: str) -> list[tuple]:
        with psycopg.connect(self.url, autocommit=True, connect_timeout=3) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)  # an immediate shutdown
            self.process.wait()


@contextmanager
def replicated(folder: Path) -> Iterator[tuple[Instance, Instance]]:
    """Run a primary and its streaming replica while the block runs."""
    instances = []
    for name in ("primary", "replica"):
        (place := folder / name).mkdir()
        if os.geteuid() == 0:
            shutil.chown(place, "postgres", "postgres")
        instances.append(Instance(place))
    readable_by_all(folder)
    primary, replica = instances
    try:
        primary.initialise()
        primary.start()
        replica.copy(primary)
        replica.start()
        yield primary, replica
    finally:
        for instance in instances:
            if hasattr(instance, "process"):
                instance.stop()
