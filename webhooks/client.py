"""The HTTP client: one POST, only to an address that was checked, with one timeout for the whole exchange."""

import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import certifi
import httpcore
from django.conf import settings

from webhooks.addresses import addresses_of, read_url
from webhooks.errors import RefusedUrl

READ_BYTES = 16 * 1024  # of a response body; if there is more, the connection is closed
KEEP_S = 5  # an idle connection stays open; a new connection resolves the host again
USER_AGENT = "three-tongues-shop-webhooks/1"


class PostFailed(Exception):
    """The POST got no response, for the reason in the message."""


@dataclass(frozen=True, slots=True)
class HookResponse:
    status: int
    body: bytes  # the first READ_BYTES
    retry_after_s: float | None  # the pause that the receiver requests


class _Deadline(threading.local):
    """When the POST of this thread must end, on the monotonic clock."""

    at = 0.0

    def left_s(self, timeout: type[httpcore.TimeoutException]) -> float:
        left_s = self.at - time.monotonic()
        if left_s <= 0:
            raise timeout
        return left_s


_deadline = _Deadline()


class Client:
    """A connection pool that many threads may share."""

    def __init__(self, connections: int) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=ssl.create_default_context(cafile=settings.WEBHOOK_CA_FILE or certifi.where()),
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=KEEP_S,
            network_backend=_CheckedNetwork(),
        )

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes, timeout_s: float) -> HookResponse:
        """Send, and read the start of the response, without redirects and proxies. Raises PostFailed, RefusedUrl."""
        _deadline.at = time.monotonic() + timeout_s
        parts = read_url(url)
        target = httpcore.URL(scheme=parts.scheme, host=parts.host, port=parts.port, target=parts.target)
        sent = [("user-agent", USER_AGENT), ("content-type", "application/json"), *headers.items()]
        try:
            with self._pool.stream(
                "POST", target, headers=sent, content=body, extensions={"timeout": {"pool": timeout_s}}
            ) as response:
                return HookResponse(response.status, _start_of_body(response), _retry_after_s(response))
        except httpcore.TimeoutException as error:
            raise PostFailed(f"No response within {timeout_s:g} s") from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            raise PostFailed(str(error) or "The connection was closed without a response") from error

    def close(self) -> None:
        self._pool.close()


def _start_of_body(response: httpcore.Response) -> bytes:
    """Read up to READ_BYTES of the body. An error ends the text: the status already decided the outcome."""
    body = b""
    try:
        for chunk in response.iter_stream():
            body += chunk
            if len(body) > READ_BYTES:
                break
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as error:
        body += f" [cut off: {error or type(error).__name__}]".encode()
    return body[:READ_BYTES]


def _retry_after_s(response: httpcore.Response) -> float | None:
    """Return Retry-After, a number of seconds or a date (RFC 9110, 10.2.3); None if it is missing or invalid."""
    values = [value.decode("latin-1").strip() for name, value in response.headers if name.lower() == b"retry-after"]
    if not values:
        return None
    if values[0].isascii() and values[0].isdigit():
        return float(values[0][:9])
    try:
        return max(0.0, parsedate_to_datetime(values[0]).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


class _CheckedNetwork(httpcore.NetworkBackend):
    """Connects to exactly the address that was checked; TLS and the Host header keep the name."""

    def __init__(self) -> None:
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = addresses_of(host, port, _deadline.left_s(httpcore.ConnectTimeout))
        for tried, address in enumerate(addresses, start=1):
            share_s = _deadline.left_s(httpcore.ConnectTimeout) / (len(addresses) - tried + 1)
            try:
                return _BoundedStream(self._network.connect_tcp(address, port, share_s, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if tried == len(addresses):
                    raise
        raise RefusedUrl(f"The host {host} is not known.")


class _BoundedStream(httpcore.NetworkStream):
    """A connection on which every wait ends at the deadline of the POST: many short waits can't extend it."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _deadline.left_s(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _deadline.left_s(httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left_s = _deadline.left_s(httpcore.ConnectTimeout)
        return _BoundedStream(self._stream.start_tls(ssl_context, server_hostname, left_s))

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)
