"""The threads on which streams ask the database."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import close_old_connections

from ecommerce.threads import ThreadPool

stream_threads = ThreadPool("stream", size=settings.STREAM_THREADS, max_waiting=settings.STREAM_QUEUE)


async def ask(job: Callable[..., Any], *args: Any) -> Any:
    """Return `job(*args)`, done where it may ask the database. Raises QueueFull, and what the job raises."""
    return await stream_threads.run(_connected, job, args)


def _connected(job: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Replace a database connection that broke, as Django does before and after a request."""
    close_old_connections()
    try:
        return job(*args)
    finally:
        close_old_connections()
