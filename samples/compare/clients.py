"""One client for each protocol. `ask` sends one request and returns the decoded answer."""

import json
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import grpc
import httpcore
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message

from protos import account_pb2, order_pb2, product_pb2, report_pb2
from samples.compare.tasks import Json
from samples.compare.wire import CountedConnections, Traffic

CONNECTIONS = 6  # of one client, as browsers open
TIMEOUT_S = 30
SERVICES = (account_pb2, order_pb2, product_pb2, report_pb2)  # importing them registers their messages
FRAME = struct.Struct(">BI")  # gRPC's prefix of a message: flags and length
TRAILERS = 0x80


class RequestFailed(Exception):
    """An answer is a refusal, so there is nothing to measure."""


@dataclass
class Bodies:
    """The bodies of the requests and answers since `clear`, and the server's own figures for them."""

    up: list[bytes] = field(default_factory=list)
    down: list[bytes] = field(default_factory=list)
    timings: list[str] = field(default_factory=list)  # the values of Server-Timing

    def clear(self) -> None:
        for each in (self.up, self.down, self.timings):
            each.clear()


class ProtocolClient(Protocol):
    """A client of one protocol, with its connections and the bytes on them."""

    traffic: Traffic
    bodies: Bodies

    def ask(self, call: str, message: Json, headers: Mapping[str, str]) -> object: ...


class HttpClient:
    """The connections of REST, GraphQL and gRPC-Web."""

    def __init__(self, origin: str) -> None:
        self.origin, self.traffic, self.bodies = origin, Traffic(), Bodies()
        self._pool = httpcore.ConnectionPool(
            max_connections=CONNECTIONS,
            max_keepalive_connections=CONNECTIONS,
            network_backend=CountedConnections(self.traffic),
        )

    def _sent(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> httpcore.Response:
        response = self._pool.request(
            method,
            f"{self.origin}{path}",
            headers=_encoded({"Accept": "*/*", **headers}),
            content=body or None,
            extensions={"timeout": {"read": TIMEOUT_S, "connect": TIMEOUT_S}},
        )
        self.bodies.up.append(body)
        self.bodies.down.append(response.content)
        self.bodies.timings.append(header_of(response, b"server-timing"))
        return response

    def stream(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Any:
        """Open a stream: a context manager for the response, whose body is not read yet."""
        return self._pool.stream(
            method,
            f"{self.origin}{path}",
            headers=_encoded(headers),
            content=body or None,
            extensions={"timeout": {"read": TIMEOUT_S}},
        )


class JsonClient(HttpClient):
    """REST and GraphQL."""

    def ask(self, call: str, message: Json, headers: Mapping[str, str]) -> object:
        method, path = call.split(" ", 1)
        body = b"" if message is None else json.dumps(message, separators=(",", ":")).encode()
        kind = {"Content-Type": "application/json"} if body else {}
        response = self._sent(method, path, body, {**kind, **headers})
        if response.status == 304:
            return {}
        answer = json.loads(response.content)
        if response.status >= 400 or answer.get("errors"):
            raise RequestFailed(f"{call}: {response.content[:500]!r}")
        return answer

    def etag_of(self, path: str) -> str:
        return header_of(self._sent("GET", path, b"", {}), b"etag")


class WebClient(HttpClient):
    """gRPC-Web, the form of gRPC that browsers speak, over HTTP/1.1."""

    def ask(self, call: str, message: Json, headers: Mapping[str, str]) -> object:
        method = method_at(call)
        body = b"".join(framed(each.SerializeToString()) for each in messages_sent(method, message))
        response = self._sent("POST", call, body, {"Content-Type": "application/grpc-web+proto", **headers})
        frames = dict(frames_in(response.content))
        status = fields_in(frames.get(TRAILERS, b"")).get("grpc-status") or header_of(response, b"grpc-status")
        if status != "0":
            raise RequestFailed(f"{call}: {frames.get(TRAILERS) or response.headers!r}")
        return class_of(method.output_type).FromString(frames[0])


class NativeClient:
    """gRPC itself: one connection of HTTP/2."""

    def __init__(self, address: str, traffic: Traffic | None = None) -> None:
        self.traffic, self.bodies = traffic or Traffic(), Bodies()
        self.channel = grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)])

    def ask(self, call: str, message: Json, headers: Mapping[str, str]) -> object:
        method = method_at(call)
        metadata = [(name.lower(), value) for name, value in headers.items()]
        sent = messages_sent(method, message)
        try:
            if method.client_streaming:
                stub = self.channel.stream_unary(call, self._encoded, self._decoded(method))
                return stub(iter(sent), metadata=metadata, timeout=TIMEOUT_S)
            stub = self.channel.unary_unary(call, self._encoded, self._decoded(method))
            return stub(next(sent), metadata=metadata, timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            raise RequestFailed(f"{call}: {error}") from error

    def _encoded(self, message: Message) -> bytes:
        self.bodies.up.append(message.SerializeToString())
        return self.bodies.up[-1]

    def _decoded(self, method: MethodDescriptor) -> Callable[[bytes], Message]:
        kind = class_of(method.output_type)

        def decode(body: bytes) -> Message:
            self.bodies.down.append(body)
            message: Message = kind.FromString(body)
            return message

        return decode


def _encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    sent = {"User-Agent": "compare", **headers}
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in sent.items()]


def header_of(response: httpcore.Response, wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in response.headers if name.lower() == wanted), "")


# -- Messages of gRPC -------------------------------------------------------------------------------------------
@cache
def method_at(path: str) -> MethodDescriptor:
    found: MethodDescriptor = descriptor_pool.Default().FindMethodByName(path.lstrip("/").replace("/", "."))
    return found


@cache
def class_of(descriptor: Descriptor) -> Any:
    return message_factory.GetMessageClass(descriptor)


def messages_sent(method: MethodDescriptor, message: Json) -> Iterator[Message]:
    """Yield the messages that the client sends: one, or for a client stream each entry of a list."""
    kind = class_of(method.input_type)
    for each in message if isinstance(message, list) else [message or {}]:
        yield ParseDict(each, kind())


def framed(message: bytes) -> bytes:
    return FRAME.pack(0, len(message)) + message


def frames_in(body: bytes) -> Iterable[tuple[int, bytes]]:
    """Yield the flags and the content of each frame of gRPC-Web."""
    start = 0
    while start < len(body):
        flags, length = FRAME.unpack_from(body, start)
        start += FRAME.size + length
        yield flags, body[start - length : start]


def fields_in(trailers: bytes) -> dict[str, str]:
    lines = trailers.decode("latin-1").split("\r\n")
    return {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
