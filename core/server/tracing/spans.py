"""The spans of gRPC calls and SQL statements, and the functions that all spans share."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from django.db import connections
from opentelemetry import context, propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

Result = TypeVar("Result")
FAULTS = frozenset(("INTERNAL", "UNAVAILABLE", "UNKNOWN", "DATA_LOSS", "DEADLINE_EXCEEDED", "internal", "unavailable"))


@cache
def tracer() -> trace.Tracer:
    """Return the tracer of this process. Its exporter starts a thread, so it is made at the first request.

    The SDK reads OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS and its other variables itself.
    """
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"} | dict(Resource.create().attributes)))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("shop")


def in_this_span(job: Callable[..., Result]) -> Callable[..., Result]:
    here = context.get_current()

    def run(*args: object) -> Result:
        token = context.attach(here)
        _trace_statements()
        try:
            return job(*args)
        finally:
            context.detach(token)

    return run


@contextmanager
def grpc_span(path: str, metadata: Mapping[str, str]) -> Iterator[None]:
    """Continue the caller's trace, or begin one, with a span that has the path's name."""
    service, _, method = path.strip("/").partition("/")
    attributes = {"rpc.system.name": "grpc", "rpc.method": f"{service}/{method}"}
    parent = propagate.extract(metadata)
    name = path.strip("/")
    with tracer().start_as_current_span(name, parent, trace.SpanKind.SERVER, attributes):
        _trace_statements()
        yield


def describe(protocol: str, operation: str, status: int | str, caller: int | None) -> None:
    span = trace.get_current_span()
    span.update_name(operation.strip("/"))
    span.set_attribute("shop.protocol", protocol)
    if caller is not None:
        span.set_attribute("user.id", str(caller))
    if protocol in ("grpc", "grpc-web", "connect"):
        span.set_attribute("rpc.response.status_code", str(status))
    if status in FAULTS or (isinstance(status, int) and status >= 500):
        span.set_status(trace.StatusCode.ERROR, str(status))


def _trace_statements() -> None:
    """Wrap this thread's connections if the current span is recorded, else unwrap them.

    Connected or not: compiled plans ask for wrappers before they connect. Without one they send prepared statements.
    """
    is_recorded = trace.get_current_span().is_recording()
    for alias in connections:
        wrappers = connections[alias].execute_wrappers
        if is_recorded and _in_span not in wrappers:
            wrappers.append(_in_span)
        elif not is_recorded and _in_span in wrappers:
            wrappers.remove(_in_span)


def _in_span(execute: Callable[..., Any], sql: str, params: object, many: bool, context: dict[str, Any]) -> Any:
    """Run a statement in a span, if a request is traced. The text has placeholders: no value is sent."""
    if not trace.get_current_span().is_recording():
        return execute(sql, params, many, context)
    verb = sql.split(None, 1)[0].upper() if sql.strip() else "SQL"
    attributes = {"db.system.name": context["connection"].vendor, "db.operation.name": verb, "db.query.text": sql}
    with tracer().start_as_current_span(verb, kind=trace.SpanKind.CLIENT, attributes=attributes):
        return execute(sql, params, many, context)
