"""Processes that this one starts, and that end with it, even when it is killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings

LIFELINE = "SHOP_LIFELINE"
LOOK_S = 0.1
END_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Children:
    """Runs commands of manage.py. Each holds the reading end of a pipe, whose other end closes with this process."""

    def __init__(self) -> None:
        self._lifeline, self._held = os.pipe()
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start `manage.py ARGUMENTS`, which calls `end_with_parent` where it can end well."""
        names = {**os.environ, **(env or {}), LIFELINE: str(self._lifeline)}
        process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments], cwd=settings.BASE_DIR, env=names, pass_fds=[self._lifeline]
        )
        self.processes.append(process)
        return process

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Pass a signal on to those that still run."""
        for process in self.processes:
            process.send_signal(number)  # which looks first whether it has ended

    def wait_for_one(self) -> None:
        """Return when the first of them has ended."""
        while all(process.poll() is None for process in self.processes):
            time.sleep(LOOK_S)

    def wait(self, timeout_s: float) -> list[int]:
        """Return the exit codes once all have ended; those that take longer than `timeout_s` are killed."""
        deadline = time.monotonic() + timeout_s
        for process in self.processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
        return [process.wait() for process in self.processes]


def on_end_signals(act: Callable[[], Any]) -> None:
    """Act on the first signal, and ignore the others: a second one would end Python in the middle of its own end."""

    def handle(*_: Any) -> None:
        for number in END_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        act()

    for number in END_SIGNALS:
        signal.signal(number, handle)


def end_with_parent() -> None:
    """Where `Children` started this process, send it SIGTERM when its parent is gone."""
    lifeline = os.environ.pop(LIFELINE, None)
    if lifeline is not None:
        threading.Thread(target=_wait_for_end, args=(int(lifeline),), name="lifeline", daemon=True).start()


def _wait_for_end(lifeline: int) -> None:
    os.read(lifeline, 1)  # nothing is ever written: it returns when nobody holds the other end
    os.kill(os.getpid(), signal.SIGTERM)
