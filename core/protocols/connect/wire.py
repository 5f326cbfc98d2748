"""One call between ASGI and connectrpc: the request is adapted for connectrpc, and its response for the client."""

import asyncio
import base64
from collections.abc import Mapping

from django.conf import settings

from core.protocols.connect import text
from core.protocols.live.transports import cut_off
from core.server.asgi import AsgiMessage, Receive, Scope, Send
from core.server.bodies import Body, ClientGone
from core.server.logs import request_id
from core.validation.strict_json import is_read_as_utf8

Headers = list[tuple[bytes, bytes]]

GRPC_WEB = "application/grpc-web"
# Hidden from connectrpc: with them it would compress responses.
HIDDEN_HEADERS = frozenset((b"accept-encoding", b"connect-accept-encoding", b"grpc-accept-encoding"))


def content_type_of(headers: Headers) -> str:
    """Return a request's content type, in lower case and without parameters; "" if it is refused with status 415.

    Native gRPC is refused: it needs HTTP/2, it has its own port, and connectrpc can't serve it. JSON must be UTF-8.
    """
    sent = dict(headers).get(b"content-type", b"").decode("latin-1")
    name = sent.partition(";")[0].strip().lower() if is_read_as_utf8(sent) else ""
    if name == GRPC_WEB:
        return f"{GRPC_WEB}+proto"
    is_grpc_web = name.startswith(f"{GRPC_WEB}+") or name in text.TEXTS
    return name if is_grpc_web or not name.startswith("application/grpc") else ""


def scope_for_connectrpc(scope: Scope, path: str, content_type: str) -> Scope:
    """Return the scope re-encoded for connectrpc, which decodes the headers and the query string as UTF-8."""
    headers = [
        (name, value.decode("latin-1").encode())
        for name, value in scope["headers"]
        if name != b"content-type" and name not in HIDDEN_HEADERS
    ]
    return {
        **scope,
        "path": path,
        "root_path": "",
        "query_string": scope["query_string"].decode("latin-1").encode(),
        "headers": [*headers, (b"content-type", content_type.encode())],
    }


class HttpWire:
    """The `receive` and `send` of a call for connectrpc."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self._body, self.content_type = Body(scope, receive), content_type_of(scope["headers"])
        self._is_text = self.content_type in text.TEXTS
        if self._is_text:
            self.content_type = text.FRAMES
        self._is_read = self.is_client_gone = False
        self._headers: Headers = [(b"x-request-id", request_id.get().encode()), (b"cache-control", b"no-store")]
        self.status = 0  # of HTTP, once the response has begun

    async def receive(self) -> AsgiMessage:
        """Return the whole body; later calls wait for the client to disconnect.

        Raises TooLarge, InvalidInput, ClientGone.
        """
        if self._is_read:
            message = await self._receive()
            self.is_client_gone = message["type"] == "http.disconnect"
            return message
        self._is_read = True
        body = await self._body.read()
        return {"type": "http.request", "body": text.decoded(body) if self._is_text else body, "more_body": False}

    async def begin(self, headers: Mapping[str, str]) -> None:
        """Send the headers of a stream now: connectrpc would send them with the first message only."""
        head = {"content-type": self.content_type, **headers}
        encoded = [(name.encode(), value.encode()) for name, value in head.items()]
        await self.send({"type": "http.response.start", "status": 200, "headers": encoded})

    async def send(self, message: AsgiMessage) -> None:
        """Send a part of the response. Raises ClientGone if the client does not read it in time."""
        if message["type"] == "http.response.start":
            if self.status:
                return
            self.status = message["status"]
            headers = text.text_headers(message["headers"]) if self._is_text else message["headers"]
            message = {**message, "headers": [*headers, *self._headers, *self._close_header()]}
        elif self._body.is_left_unread and not message.get("more_body"):
            await self._send_or_disconnect({**message, "more_body": True})
            await self._body.linger()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send_or_disconnect(message)

    def _close_header(self) -> Headers:
        return [(b"connection", b"close")] if self._body.is_left_unread else []

    async def _send_or_disconnect(self, message: AsgiMessage) -> None:
        if self._is_text and message["type"] == "http.response.body":
            message = {**message, "body": base64.b64encode(message["body"])}
        try:
            async with asyncio.timeout(settings.STREAM_STALL_S):
                await self._send(message)
        except TimeoutError as error:
            self.disconnect()
            raise ClientGone from error

    def disconnect(self) -> None:
        """Disconnect the client, because it does not read."""
        cut_off(self._send)
