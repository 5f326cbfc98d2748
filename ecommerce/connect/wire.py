"""One call on its way through ASGI: what connectrpc is shown of it, and what is made of its answer."""

import asyncio
import base64
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings

from ecommerce.bodies import Body, ClientGone, Scope
from ecommerce.connect import text
from ecommerce.live.sender import FAREWELL_S
from ecommerce.live.transports import cut_off
from ecommerce.logs import request_id

Headers = list[tuple[bytes, bytes]]

GRPC_WEB = "application/grpc-web"
# No answer is compressed.
DROPPED = frozenset((b"accept-encoding", b"connect-accept-encoding", b"grpc-accept-encoding"))


def content_type_of(headers: Headers) -> str:
    """Return the kind of a request's content, in lower case and without parameters.

    Native gRPC needs HTTP/2, and has a port of its own; connectrpc fails at it.
    """
    name = dict(headers).get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
    if name == GRPC_WEB:
        return f"{GRPC_WEB}+proto"
    is_of_web = name.startswith(f"{GRPC_WEB}+") or name in text.TEXTS
    return name if is_of_web or not name.startswith("application/grpc") else ""


def shown(scope: Scope, path: str, content_type: str) -> Scope:
    """Return the request as connectrpc can take it: it reads all of the head as UTF-8."""
    headers = [
        (name, value.decode("latin-1").encode())
        for name, value in scope["headers"]
        if name != b"content-type" and name not in DROPPED
    ]
    return {
        **scope,
        "path": path,
        "root_path": "",
        "query_string": scope["query_string"].decode("latin-1").encode(),
        "headers": [*headers, (b"content-type", content_type.encode())],
    }


class Wire:
    """The two ends of a call that connectrpc is given."""

    def __init__(self, scope: Scope, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        self._receive, self._send = receive, send
        self._body, self.content_type = Body(scope, receive), content_type_of(scope["headers"])
        self._is_text = self.content_type in text.TEXTS
        if self._is_text:
            self.content_type = text.FRAMES
        self._is_read = self._is_sending = self.is_client_gone = False
        self._headers: Headers = [(b"x-request-id", request_id.get().encode()), (b"cache-control", b"no-store")]
        self.status = 0  # HTTP's, once the answer has begun

    async def receive(self) -> dict[str, Any]:
        """Give the whole body, and then wait until the client leaves. Raises TooLarge, InvalidInput, ClientGone."""
        if self._is_read:
            message = await self._receive()
            self.is_client_gone = message["type"] == "http.disconnect"
            return message
        self._is_read = True
        body = await self._body.read()
        return {"type": "http.request", "body": text.read(body) if self._is_text else body, "more_body": False}

    async def begin(self, headers: Mapping[str, str]) -> None:
        """Send the head of a stream now: connectrpc sends it with the first message, and a client waits for it."""
        head = {"content-type": self.content_type, **headers}
        encoded = [(name.encode(), value.encode()) for name, value in head.items()]
        await self.send({"type": "http.response.start", "status": 200, "headers": encoded})

    async def send(self, message: dict[str, Any]) -> None:
        """Send a part of the answer. Raises ClientGone when the client does not take it in time."""
        if message["type"] == "http.response.start":
            if self.status:
                return
            self.status = message["status"]
            headers = text.written(message["headers"]) if self._is_text else message["headers"]
            message = {**message, "headers": [*headers, *self._headers, *self._closing()]}
        elif self._body.is_left_unread and not message.get("more_body"):
            await self._pass_on({**message, "more_body": True})
            await self._body.linger()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._pass_on(message)

    def _closing(self) -> Headers:
        return [(b"connection", b"close")] if self._body.is_left_unread else []

    async def _pass_on(self, message: dict[str, Any]) -> None:
        if self._is_text and message["type"] == "http.response.body":
            message = {**message, "body": base64.b64encode(message["body"])}
        self._is_sending = True
        try:
            async with asyncio.timeout(settings.STREAM_STALL_S):
                await self._send(message)
        except TimeoutError as error:
            cut_off(self._send)
            raise ClientGone from error
        finally:
            self._is_sending = False

    def hurry(self) -> None:
        """Leave a client that takes nothing little time, now that the server ends."""
        asyncio.get_running_loop().call_later(FAREWELL_S, self._leave_behind)

    def _leave_behind(self) -> None:
        if self._is_sending:
            cut_off(self._send)
