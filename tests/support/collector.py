"""A collector of OpenTelemetry that keeps the spans it receives."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.waiting import wait_until


class Seen(NamedTuple):
    name: str
    trace: str
    id: str
    parent: str
    is_server: bool
    attributes: dict[str, Any]
    is_error: bool


def _seen(span: Span) -> Seen:
    values = {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}
    kind = span.kind == Span.SPAN_KIND_SERVER
    ids = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
    return Seen(span.name, *ids, kind, values, span.status.code == 2)


class Collector:
    """Use it as a context manager; `url` is the value of OTEL_EXPORTER_OTLP_ENDPOINT."""

    def __enter__(self) -> "Collector":
        self.spans: list[Seen] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    for scope in resource.scope_spans:
                        collector.spans += map(_seen, scope.spans)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Write nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def trace(self, trace: str) -> tuple[Seen, list[Seen]]:
        """Return the server's span of a trace, and its other spans, once they have arrived."""
        wait_until(lambda: any(span.is_server for span in self.spans if span.trace == trace))
        found = [span for span in self.spans if span.trace == trace]
        (root,) = [span for span in found if span.is_server]
        return root, [span for span in found if not span.is_server]
