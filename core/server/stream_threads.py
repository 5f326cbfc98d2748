"""The threads for the database queries of streams."""

from collections.abc import Callable
from typing import TypeVar

from django.conf import settings
from django.db import close_old_connections

from core.runtime import singleton
from core.server.threads import ThreadPool


class StreamThreads(ThreadPool):
    """The pool of STREAM_THREADS threads."""

    def __init__(self) -> None:
        super().__init__("stream", size=settings.STREAM_THREADS, max_waiting=settings.STREAM_QUEUE)


Result = TypeVar("Result")


async def ask(job: Callable[..., Result], *args: object, drop: Callable[[Result], None] | None = None) -> Result:
    """Return `job(*args)`, run on a thread that may query the database. Raises as `ThreadPool.ask`."""
    return await singleton(StreamThreads).ask(_connected, job, args, drop=drop)


def _connected(job: Callable[..., Result], args: tuple[object, ...]) -> Result:
    """Return `job(*args)`, and close a broken database connection before and after, as Django does for a request."""
    close_old_connections()
    try:
        return job(*args)
    finally:
        close_old_connections()
