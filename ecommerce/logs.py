"""Request ids, and one line of log a request."""

import logging
import re
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

request_id: ContextVar[str] = ContextVar("request_id", default="-")
log = logging.getLogger("ecommerce.request")
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestIdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


class RequestLog:
    """Name each request, by its own X-Request-ID where that is well formed, and log it when it is answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        name = given if _WELL_FORMED.fullmatch(given) else uuid.uuid4().hex
        token, start = request_id.set(name), time.perf_counter()
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = name
            _write_line(request, response, time.perf_counter() - start)
        finally:
            request_id.reset(token)
        return response


def _write_line(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    facts = {
        "method": request.method,
        "path": request.path,
        "status": response.status_code,
        "duration_ms": round(seconds * 1000, 1),
        "address": request.META.get("REMOTE_ADDR"),
    }
    log.info("request", extra=facts)
