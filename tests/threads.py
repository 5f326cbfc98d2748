"""Several callers at the same moment, each in a thread with a database connection of its own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connection


def at_once(*calls: Callable[[], Any], timeout_s: int = 60) -> list[Any]:
    """Make the calls together and return, in their order, what each returned or raised."""
    start = Barrier(len(calls))

    def outcome(call: Callable[[], Any]) -> Any:
        try:
            start.wait(timeout_s)
            return call()
        except Exception as error:  # noqa: BLE001  # an outcome like any other: the test judges it
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(outcome, calls, timeout=timeout_s))
