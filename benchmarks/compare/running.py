"""Server processes of contestants on their processor: start, resources, end."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.compare.contestants import Contestant
from benchmarks.compare.databases import rows_of
from benchmarks.servers import LOAD_CPU, ROOT, SERVER_CPU, pinned
from tests.support.live import free_port

START_S = 60
TICKS = os.sysconf("SC_CLK_TCK")


class DidNotStart(Exception):
    pass


class Running:
    """The server of one contestant, in a session of its own: all its processes are found and ended together."""

    def __init__(self, contestant: Contestant, settings: Mapping[str, str], log: Path) -> None:
        self.port, self._log = free_port(), log
        command = [str(contestant.python()), *(word.replace("PORT", str(self.port)) for word in contestant.command)]
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                pinned(SERVER_CPU, command),
                cwd=ROOT,
                env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **settings},
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_until_it_listens(self) -> None:
        """Raises DidNotStart with the end of its log."""
        deadline = time.monotonic() + START_S
        while self._process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.05)
        raise DidNotStart(f"did not start: {self.end_of_log()}")

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def end_of_log(self) -> str:
        return " ".join(self._log.read_text(errors="replace")[-400:].split())

    def cpu_s(self) -> float:
        """Return the CPU time, user and system, of all its processes."""
        return sum(int(fields[11]) + int(fields[12]) for _, fields in self._stats()) / TICKS

    def memory_mb(self) -> float:
        """Return the memory of all its processes; pages that they share count once (PSS)."""
        total_kb = 0
        for place, _ in self._stats():
            with suppress(OSError):
                total_kb += int(re.search(r"^Pss: +(\d+) kB", (place / "smaps_rollup").read_text(), re.MULTILINE)[1])
        return total_kb * 1024 / 1e6

    def stop(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(10)

    def _stats(self) -> Iterator[tuple[Path, list[str]]]:
        """Yield /proc/PID and the fields of its `stat` after the command's name; the fourth of them is the session."""
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = path.read_text().rpartition(")")[2].split()
                if int(fields[3]) == self._process.pid:
                    yield path.parent, fields


@contextmanager
def running(contestant: Contestant, settings: Mapping[str, str], log: Path) -> Iterator[Running]:
    server = Running(contestant, settings, log)
    try:
        server.wait_until_it_listens()
        yield server
    finally:
        server.stop()


def place_postgresql(*urls: str) -> bool:
    """Move the server processes of these databases to the load's processor; return False if that is not possible."""
    if any(url.startswith("sqlite") for url in urls):
        return False
    moved = []
    for url in urls:
        sessions = "select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        moved += [_is_moved(pid) for (pid,) in rows_of(url, sessions)]
    return all(moved)


def _is_moved(pid: int) -> bool:
    try:
        # On another machine, or in a container, the id may be that of another process here.
        if Path(f"/proc/{pid}/comm").read_text().strip() != "postgres":
            return False
        os.sched_setaffinity(pid, {LOAD_CPU})
    except ProcessLookupError:
        return True  # the connection has closed since
    except OSError:
        return False
    return True
