"""Waits for a condition instead of a fixed time."""

import subprocess
import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.support.warm_start import WarmProcess

PATIENCE_S = 30  # long enough for a busy machine
START_S = 180  # for a process to start: quickstart takes 5 s, and over a minute at a load of 17
PAUSE_S = 0.01
START_PAUSE_S = 0.05  # a start takes a second, and a probe competes with it for the processor


def wait_until(
    holds: Callable[[], Any],
    what: str | Callable[[], object] = "The condition did not come to hold",
    timeout_s: float = PATIENCE_S,
    pause_s: float = PAUSE_S,
) -> None:
    """Return when `holds()` is true. If that takes longer than `timeout_s`, raise AssertionError with `what`."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, f"Within {timeout_s} s: {what() if callable(what) else what}"
        time.sleep(pause_s)


def wait_until_started(
    process: subprocess.Popen[Any] | WarmProcess, answers: Callable[[], Any], log: Callable[[], str]
) -> None:
    """Return when `answers()` is true. If the process exits before, or within START_S, raise AssertionError."""

    def is_over() -> bool:
        return process.poll() is not None or answers()

    wait_until(is_over, lambda: f"It did not start:\n{log()}", START_S, START_PAUSE_S)
    assert process.poll() is None, f"It exited as it started:\n{log()}"


def responds(url: str, timeout_s: float = 2) -> bool:
    """Whether a server takes connections. Raises httpx.HTTPStatusError if it responds with an error."""
    try:
        httpx.get(url, timeout=timeout_s).raise_for_status()
    except httpx.TransportError:
        return False
    return True
