"""Request ids, and one log line per request."""

import logging
import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

from core.metrics.facts import begin_facts, end_facts, facts
from core.metrics.meters import meters
from core.metrics.operations import operation_of
from core.origin import originating
from core.server.tracing.hooks import describe_span

request_id: ContextVar[str] = ContextVar("request_id", default="-")

log = logging.getLogger("ecommerce.request")
_WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{8,64}")


class RequestIdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


class RefusedRequestFilter(logging.Filter):
    """Drops uvicorn's messages about refused requests and handshakes, because the shop logs each of them itself."""

    MESSAGES = frozenset(("ASGI callable returned without completing handshake.", "Invalid HTTP request received."))

    def filter(self, record: logging.LogRecord) -> bool:
        return record.msg not in self.MESSAGES


@contextmanager
def named(given: str, protocol: str | None = None) -> Iterator[str]:
    """Set the request id of all log lines and changes inside: `given` if it is well formed, else a new one.

    `protocol` is kept with the changes too.
    """
    name = given if _WELL_FORMED.fullmatch(given) else uuid.uuid4().hex
    token, facts_token = request_id.set(name), begin_facts()
    served = {} if protocol is None else {"protocol": protocol}
    try:
        with originating(request_id=name, **served):
            yield name
    finally:
        end_facts(facts_token)
        request_id.reset(token)


def _protocol_of(path: str) -> str:
    """Return the protocol of a request of Django's views, as the history names it."""
    return "graphql" if path == "/graphql" else "admin" if path.startswith("/admin/") else "rest"


class RequestLog:
    """Sets each request's id, to its X-Request-ID if that is well formed, and logs the request when it is answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        start = time.perf_counter()
        with named(request.headers.get("X-Request-ID", ""), _protocol_of(request.path)) as name:
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
    """Log the one line of a request, and count it. `status` is the number of HTTP or the name of gRPC."""
    noted, (protocol, operation) = facts(), operation_of(method, path)
    operation = noted.operation or operation
    meters().observe(protocol, operation, str(status), seconds)
    describe_span(protocol, operation, status, noted.caller)
    if noted.refused_budget:
        meters().count_refusal(noted.refused_budget)
    line = {
        "protocol": protocol,
        "operation": operation,
        "caller": noted.caller,
        "method": method,
        "path": path,
        "status": status,
        "duration_ms": round(seconds * 1000, 1),
        "address": address,
    }
    log.info("request", extra=line)
