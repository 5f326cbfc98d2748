"""The processes of a server under test, and their connections."""

import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tests.support.warm_start import WarmProcess

REPORT_S = 10  # for a process to exit and report its coverage


def children_of(pid: int) -> list[int]:
    """Return the ids of the processes that a process started, or none if it has exited."""
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.NoSuchProcess:
        return []


def child_of(pid: int, command: str) -> int:
    """Return the id of the one child process with this word in its command line."""
    (found,) = (child for child in children_of(pid) if command in psutil.Process(child).cmdline())
    return found


def peer_ports_of(pid: int) -> set[int]:
    """Return the clients' ports of the connections that a process has accepted."""
    try:
        return {each.raddr.port for each in psutil.Process(pid).net_connections("tcp") if each.raddr}
    except psutil.NoSuchProcess:
        return set()


def end(*processes: subprocess.Popen[Any] | WarmProcess) -> None:
    """Kill the processes. If coverage is measured, let them exit first: a killed process reports nothing."""
    if "COVERAGE_PROCESS_CONFIG" in os.environ:
        for process in processes:
            process.terminate()
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(REPORT_S)
    for process in processes:
        process.kill()
        process.wait()


def readable_by_all(folder: Path) -> None:
    """Let every user enter a temporary folder: some servers refuse to run as root, and run as another user."""
    for each in (folder, *folder.parents):
        if each.stat().st_uid == os.geteuid() and each != Path(tempfile.gettempdir()):
            each.chmod(each.stat().st_mode | 0o055)
        if each == Path(tempfile.gettempdir()):
            return
