"""Child processes that are restarted when they exit, and that exit with their parent, even if it is killed."""

import logging
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from django.conf import settings

from core.metrics.meters import SLOT
from core.server.start.preflight import CannotRun

LIFELINE = "SHOP_LIFELINE"
EXIT_POLL_S = 0.1
STEADY_S = 30  # a process that ran this long did not fail at startup
FIRST_PAUSE_S, MAX_PAUSE_S = 0.2, 2.0  # before a process that exited early is restarted
MAX_FAILURES = 3
TOGETHER_S = 0.5  # see `_ends_soon`
RENEWED = 64  # the exit code of a process that has ended as planned and must be replaced at once
END_SIGNALS = (signal.SIGINT, signal.SIGTERM)
ORDERLY = frozenset((0, *(-number for number in END_SIGNALS)))
log = logging.getLogger(__name__)


class Child:
    """One command of manage.py and the process that runs it."""

    def __init__(
        self, name: str, command: Sequence[str], fds: Sequence[int], env: Mapping[str, str], first: Sequence[str] = ()
    ) -> None:
        self.name, self._command, self._fds, self._env = name, command, fds, env
        self.early_ends, self.failures, self.starts_at = 0, 0, 0.0
        self.start(first)

    def start(self, more: Sequence[str] = ()) -> None:
        """Start the process, with `more` options. Raises OSError if the machine has no memory or process left.

        The state is then unchanged.
        """
        command = [*self._command, *more]
        self.process = subprocess.Popen(command, cwd=settings.BASE_DIR, env=self._env, pass_fds=self._fds)  # noqa: S603  # of manage.py
        self.started_at, self.is_counted = time.monotonic(), False

    def count_end(self, code: int) -> None:
        """Record that the process exited, and set the time of the next start: later after each early exit in a row."""
        is_early = code != RENEWED and time.monotonic() - self.started_at < STEADY_S
        self.is_counted = True
        self.early_ends = self.early_ends + 1 if is_early else 0
        # A signal is no sign of a bad configuration, so a killed process is always restarted.
        self.failures = self.failures + 1 if is_early and code > 0 else 0
        pause_s = FIRST_PAUSE_S * 2 ** (self.early_ends - 1) if self.early_ends else 0
        self.starts_at = time.monotonic() + min(pause_s, MAX_PAUSE_S)


class Children:
    """Runs commands of manage.py. Each holds the read end of a pipe; the write end closes when this process exits.

    A signal handler may call `stop_keeping` or `end` at any moment, in any thread, so there is no lock.
    """

    def __init__(self) -> None:
        self._lifeline, self._held = os.pipe()
        self._woken, self._waker = os.pipe()
        self._children: list[Child] = []
        self.is_ending = False

    def start(self, *arguments: str, fds: Sequence[int] = (), first: Sequence[str] = ()) -> None:
        """Start `manage.py ARGUMENTS`, which inherits `fds` and calls `end_with_parent` when it can end gracefully.

        The first process also gets the options `first`; those that replace it do not.
        """
        command = [sys.executable, "manage.py", *arguments]
        slot = f"{os.environ.get(SLOT, '')}{arguments[0]}{len(self._children)}"
        env = {**os.environ, LIFELINE: str(self._lifeline), SLOT: slot}
        self._children.append(child := Child(arguments[0], command, [self._lifeline, *fds], env, first))
        self._end_if_late(child)

    def stop_keeping(self) -> None:
        """Make `keep` return at once; no process is restarted after that."""
        self.is_ending = True
        os.write(self._waker, b".")

    def end(self) -> None:
        """Send SIGTERM to all processes, and restart none of them."""
        self.stop_keeping()
        for child in self._children:
            child.process.terminate()  # has no effect if the process has exited

    def keep(self) -> None:
        """Restart each process when it exits, until `stop_keeping` or `end` is called.

        Raises CannotRun if a process fails at startup MAX_FAILURES times in a row.
        """
        while not self.is_ending:
            for child in self._children:
                self._restart_if_exited(child)
            select.select([self._woken], [], [], EXIT_POLL_S)

    def _restart_if_exited(self, child: Child) -> None:
        code = child.process.poll()
        if code is None:
            return
        if not child.is_counted:
            if code in ORDERLY and self._ends_soon():
                return
            child.count_end(code)
            self._report(child, code)
        if not self.is_ending and time.monotonic() >= child.starts_at:
            self._start_again(child)

    def _report(self, child: Child, code: int) -> None:
        if code == RENEWED:
            log.info("%s has ended as planned, and is replaced.", child.name)
            return
        if child.failures == MAX_FAILURES:
            raise CannotRun(f"{child.name} fails as soon as it starts: exit code {code}. Its log says why.")
        log.error("%s exited unexpectedly: exit code %s. It is restarted.", child.name, code)

    def _start_again(self, child: Child) -> None:
        try:
            child.start()
        except OSError as error:  # no memory or no process left: the other children keep running
            log.error("%s can't be started at the moment: %s", child.name, error)
            child.starts_at = time.monotonic() + MAX_PAUSE_S
        else:
            self._end_if_late(child)

    def _ends_soon(self) -> bool:
        """Whether `end` is called within TOGETHER_S: Ctrl-C ends all processes at once, and a child may exit first."""
        deadline = time.monotonic() + TOGETHER_S
        while not self.is_ending and time.monotonic() < deadline:
            time.sleep(EXIT_POLL_S)
        return self.is_ending

    def _end_if_late(self, child: Child) -> None:
        """End a process that `end` missed because it was starting."""
        if self.is_ending:
            child.process.terminate()

    def wait(self, timeout_s: float) -> list[int]:
        """Return the exit codes when all processes have exited; kill those that take longer than `timeout_s`.

        A process that exited before and waits for its restart has already been reported, and is left out.
        """
        deadline = time.monotonic() + timeout_s
        processes = [child.process for child in self._children if not child.is_counted]
        for process in processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
        return [process.wait() for process in processes]


def on_end_signals(act: Callable[[], object]) -> None:
    """Call `act` on the first signal and ignore later ones: a second one would interrupt Python's own shutdown."""

    def handle(*_: object) -> None:
        for number in END_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        act()

    for number in END_SIGNALS:
        signal.signal(number, handle)


def end_with_parent() -> None:
    """Send SIGTERM to this process when its parent exits, if `Children` started it."""
    lifeline = os.environ.pop(LIFELINE, None)
    if lifeline is not None:
        threading.Thread(target=_wait_for_end, args=(int(lifeline),), name="lifeline", daemon=True).start()


def _wait_for_end(lifeline: int) -> None:
    os.read(lifeline, 1)  # no byte is ever written: the read returns when the write end is closed
    os.kill(os.getpid(), signal.SIGTERM)
