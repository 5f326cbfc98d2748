"""A client for Connect and gRPC-Web that builds the frames itself and sends them with httpx.

    caller = web_shop.caller("staff", way="gRPC-Web")   # a fixture (tests/conftest.py); the name of a user
    assert caller.call("GetProduct", id=1).product.name == "Tea"
    assert caller.refusal("GetProduct", id=9).code == "NOT_FOUND"
    assert web_shop.client().call("GetProduct", id=1).product.name == "Tea"     # over gRPC, as in tests/support/rpc.py
    with caller.open("WatchProducts", id=1) as stream:
        assert next(stream.messages).new_stock == 3

`WAYS` lists the formats of unary calls, `STREAM_WAYS` those of streams.
"""

import base64
import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import grpc
import httpx
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import status_pb2

from accounts.models import User
from tests.support.api import access_token
from tests.support.live import Server, fresh_database
from tests.support.rpc import METHODS, GrpcShop, Refusal, with_details

GET = "Connect GET"
WAYS = {
    "Connect JSON": "application/json",
    "Connect binary": "application/proto",
    "gRPC-Web": "application/grpc-web+proto",
    "gRPC-Web JSON": "application/grpc-web+json",
    "gRPC-Web text": "application/grpc-web-text",
}
STREAM_WAYS = {
    "Connect JSON": "application/connect+json",
    "Connect binary": "application/connect+proto",
    "gRPC-Web": "application/grpc-web+proto",
    "gRPC-Web text": "application/grpc-web-text+proto",
}
FRAME = struct.Struct(">BI")
IS_END = {"connect": 0b10, "grpc-web": 0x80}  # the flag that marks the last frame
TIMEOUT_S = 60


class Refused(Exception):
    """A call failed: `args[0]` is the Refusal."""


class Stream:
    """An open stream: its response headers have arrived."""

    def __init__(self, response: httpx.Response, kind: str, output: type[Message]) -> None:
        self.headers, self.trailers = response.headers, {}
        parts = iter([response.content]) if response.is_closed else response.iter_raw()
        self.messages = self._messages(frames_in(bytes_in(parts) if is_text(kind) else parts), kind, output)

    def _messages(self, frames: Iterator[tuple[int, bytes]], kind: str, output: type[Message]) -> Iterator[Message]:
        for flags, content in frames:
            if flags & (IS_END["grpc-web"] if "grpc-web" in kind else IS_END["connect"]):
                self.trailers = end_of(content, kind)
                return
            yield message_of(content, kind, output)
        raise ConnectionError("The stream broke off")


class WebClient:
    """A caller: sends `token` if it is given, else a token of `user`."""

    def __init__(
        self,
        url: str,
        user: User | None = None,
        token: str | None = None,
        way: str = "Connect JSON",
        http: httpx.Client | None = None,
        **headers: str,
    ) -> None:
        self.way, self.http = way, http or httpx.Client(base_url=url, timeout=TIMEOUT_S)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if user is not None or token is not None:
            self.headers["authorization"] = f"Bearer {access_token(user) if token is None else token}"

    def call(self, name: str, /, *, metadata: dict[str, str] | None = None, **fields: Any) -> Any:
        """Send one message and return the response message. Raises Refused."""
        output = METHODS[name][1].output_type._concrete_class
        response = self.send(name, metadata, **fields)
        if self.way.startswith("gRPC-Web"):
            stream = Stream(response, WAYS[self.way], output)
            [message] = stream.messages
            return message
        if response.status_code != 200:
            raise Refused(refusal_of(response.json()))
        return message_of(response.content, response.headers["content-type"], output)

    def refusal(self, name: str, /, **options: Any) -> Refusal:
        """Send one message and return its refusal; fail if the call succeeds."""
        try:
            answer = self.call(name, **options)
        except Refused as refused:
            return refused.args[0]
        raise AssertionError(f"It was answered: {answer}")

    def send(self, name: str, metadata: dict[str, str] | None = None, /, **fields: Any) -> httpx.Response:
        """Send one message and return the HTTP response."""
        request = METHODS[name][1].input_type._concrete_class(**fields)
        headers = self.headers | (metadata or {})
        if self.way == GET:
            params = {"connect": "v1", "encoding": "json", "message": json_format.MessageToJson(request, indent=None)}
            return self.http.get(path_of(name), params=params, headers=headers)
        kind = WAYS[self.way]
        content = written(request, kind)
        content = sent_as(kind, content) if "grpc-web" in kind else content
        return self.http.post(path_of(name), content=content, headers=headers | {"content-type": kind})

    @contextmanager
    def open(self, name: str, /, *, metadata: dict[str, str] | None = None, **fields: Any) -> Iterator[Stream]:
        """Open a stream, and yield it when its response headers have arrived."""
        kind, method = STREAM_WAYS[self.way], METHODS[name][1]
        content = sent_as(kind, written(method.input_type._concrete_class(**fields), kind))
        headers = self.headers | (metadata or {}) | {"content-type": kind}
        with self.http.stream("POST", path_of(name), content=content, headers=headers) as response:
            yield Stream(response, kind, method.output_type._concrete_class)


def path_of(name: str) -> str:
    return f"/{METHODS[name][1].containing_service.full_name}/{name}"


def written(message: Message, kind: str) -> bytes:
    is_json = kind.endswith("json")
    return json_format.MessageToJson(message, indent=None).encode() if is_json else message.SerializeToString()


def message_of(content: bytes, kind: str, output: type[Message]) -> Message:
    return json_format.Parse(content, output()) if kind.endswith("json") else output.FromString(content)


def framed(content: bytes, flags: int = 0) -> bytes:
    return FRAME.pack(flags, len(content)) + content


def is_text(kind: str) -> bool:
    return "-text" in kind


def sent_as(kind: str, content: bytes) -> bytes:
    return base64.b64encode(framed(content)) if is_text(kind) else framed(content)


def bytes_in(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Decode base64 in groups of four characters, because padding may occur in any group."""
    left = b""
    for part in parts:
        left += part
        whole = len(left) // 4 * 4
        yield b"".join(base64.b64decode(left[at : at + 4], validate=True) for at in range(0, whole, 4))
        left = left[whole:]


def frames_in(parts: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield (flags, content) of each complete frame."""
    buffer = b""
    for part in parts:
        buffer += part
        while len(buffer) >= FRAME.size:
            flags, length = FRAME.unpack_from(buffer)
            if len(buffer) < FRAME.size + length:
                break
            yield flags, buffer[FRAME.size : FRAME.size + length]
            buffer = buffer[FRAME.size + length :]


def end_of(content: bytes, kind: str) -> dict[str, str]:
    """Return the trailers of the last frame. If they report an error, raises Refused(refusal, trailers)."""
    if "grpc-web" in kind:
        trailers = dict(line.split(": ", 1) for line in content.decode().split("\r\n") if line)
        if trailers["grpc-status"] != "0":
            raise Refused(_refusal_in(trailers), trailers)
        return trailers
    end = json.loads(content)
    trailers = {name: values[-1] for name, values in end.get("metadata", {}).items()}
    if "error" in end:
        raise Refused(refusal_of(end["error"]), trailers)
    return trailers


def _refusal_in(trailers: dict[str, str]) -> Refusal:
    code = next(code.name for code in grpc.StatusCode if code.value[0] == int(trailers["grpc-status"]))
    refusal = Refusal(code, unquote(trailers["grpc-message"]))
    if "grpc-status-details-bin" not in trailers:
        return refusal
    status = status_pb2.Status.FromString(_unpadded(trailers["grpc-status-details-bin"]))
    assert (status.code, status.message) == (int(trailers["grpc-status"]), refusal.message)
    return with_details(refusal, status.details)


def refusal_of(error: dict[str, Any]) -> Refusal:
    """Return the refusal in an error object of Connect."""
    code = {"canceled": "CANCELLED"}.get(error["code"], error["code"].upper())
    status = status_pb2.Status()
    for detail in error.get("details", ()):
        assert set(detail) == {"type", "value"}
        status.details.add(type_url=f"type.googleapis.com/{detail['type']}", value=_unpadded(detail["value"]))
    return with_details(Refusal(code, error["message"]), status.details)


def _unpadded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))


def json_headers(**more: str) -> dict[str, str]:
    return {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in more.items()}


class WebShop(GrpcShop):
    """A separate database, with a gRPC server and HTTP servers that use it."""

    web: Server

    def caller(self, username: str = "", server: Server | None = None, **options: Any) -> WebClient:
        """Return a client of `server`, by default the first, for this user; without a name, for an anonymous caller."""
        with self.database():
            user = User.objects.get(username=username) if username else None
            return WebClient((server or self.web).url, user, **options)


@pytest.fixture(scope="module")
def web_shop(tmp_path_factory, migrated_template: str, django_db_blocker) -> Iterator[WebShop]:
    """Start a gRPC server and an HTTP server on a fresh database; all are killed after the module."""
    folder = tmp_path_factory.mktemp("web")
    with fresh_database(folder, migrated_template) as url:
        shop = WebShop(url, folder, django_db_blocker.unblock, {})
        try:
            shop.start_grpc()
            shop.web = shop.start()
            yield shop
        finally:
            shop.kill_all()
