"""The functions of tracing that the other packages call. If tracing is off, they do nothing."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

from django.conf import settings

from core.server.asgi import Application

Result = TypeVar("Result")
IS_ON = bool(settings.OTEL_EXPORTER_OTLP_ENDPOINT)
NOTHING: AbstractContextManager[None] = nullcontext()


def with_traces(application: Application) -> Application:
    """Wrap an ASGI application: each HTTP request is a span."""
    if not IS_ON:
        return application
    from core.server.tracing.http import traced

    return traced(application)


def with_current_span(job: Callable[..., Result]) -> Callable[..., Result]:
    """Return a function that runs the job, on another thread, as a part of the current span."""
    if not IS_ON:
        return job
    from core.server.tracing.spans import in_this_span

    return in_this_span(job)


def call_span(path: str, metadata: Mapping[str, str]) -> AbstractContextManager[None]:
    """Return the span of a gRPC call, as a context manager."""
    if not IS_ON:
        return NOTHING
    from core.server.tracing.spans import grpc_span

    return grpc_span(path, metadata)


def describe_span(protocol: str, operation: str, status: int | str, caller: int | None) -> None:
    """Name the current span after its operation, when the request is logged."""
    if IS_ON:
        from core.server.tracing.spans import describe

        describe(protocol, operation, status, caller)
