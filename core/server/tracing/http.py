"""The span of an HTTP request: from its head to the end of its response."""

from collections.abc import Awaitable

from opentelemetry import propagate, trace

from core.server.asgi import Application, AsgiMessage, Receive, Scope, Send
from core.server.connections import transport_behind
from core.server.tracing.spans import tracer


def traced(application: Application) -> Application:
    async def with_span(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return
        sent = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        method = scope["method"]
        attributes = {
            "http.request.method": method,
            "url.path": scope["path"],
            "url.scheme": scope.get("scheme", "http"),
        }
        parent = propagate.extract(sent)
        with tracer().start_as_current_span(method, parent, trace.SpanKind.SERVER, attributes) as span:
            await application(scope, receive, _TracedSending(send, span).send)

    return with_span


class _TracedSending:
    """ASGI's `send` of one request; notes the status of the response."""

    __slots__ = ("_send", "_span", "transport")

    def __init__(self, send: Send, span: trace.Span) -> None:
        self._send, self._span = send, span
        self.transport = transport_behind(send)  # for `live.transports.cut_off`

    def send(self, message: AsgiMessage) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self._span.set_attribute("http.response.status_code", message["status"])
        return self._send(message)
