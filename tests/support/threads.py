"""Concurrent calls, each in a thread with a separate database connection."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connection


def at_once(*calls: Callable[[], Any], timeout_s: int = 60) -> list[Any]:
    """Run the calls at the same time. Return the result or the exception of each, in the order of the calls."""
    start = Barrier(len(calls))

    def outcome(call: Callable[[], Any]) -> Any:
        try:
            start.wait(timeout_s)
            return call()
        except Exception as error:  # noqa: BLE001  # returned: the test checks it
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(outcome, calls, timeout=timeout_s))
