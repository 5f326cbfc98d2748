"""Request ids, and one line of log a request."""

import logging
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

request_id: ContextVar[str] = ContextVar("request_id", default="-")
log = logging.getLogger("ecommerce.request")
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestIdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


class RefusedHandshakeFilter(logging.Filter):
    """Drops what uvicorn logs as an error of every WebSocket that was refused by an answer of HTTP."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.msg != "ASGI callable returned without completing handshake."


@contextmanager
def named(given: str) -> Iterator[str]:
    """Name what is logged inside after one request: by `given` where that is well formed, else by a new name."""
    name = given if _WELL_FORMED.fullmatch(given) else uuid.uuid4().hex
    token = request_id.set(name)
    try:
        yield name
    finally:
        request_id.reset(token)


class RequestLog:
    """Name each request, by its own X-Request-ID where that is well formed, and log it when it is answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        start = time.perf_counter()
        with named(request.headers.get("X-Request-ID", "")) as name:
            response = self.get_response(request)
            response["X-Request-ID"] = name
            if not getattr(response, "is_logged_at_its_end", False):
                write_line(
                    method=request.method or "",
                    path=request.path,
                    status=response.status_code,
                    seconds=time.perf_counter() - start,
                    address=request.META.get("REMOTE_ADDR", ""),
                )
        return response


def write_line(*, method: str, path: str, status: int | str, seconds: float, address: str) -> None:
    """Log the one line that a request gets. `status` is HTTP's number, or the name that gRPC gives it."""
    facts = {
        "method": method,
        "path": path,
        "status": status,
        "duration_ms": round(seconds * 1000, 1),
        "address": address,
    }
    log.info("request", extra=facts)
