"""WebSocket clients of a real server.

with graph_socket(shop, user) as client:            # acknowledged; with `acknowledge=False`, only connected
    client.subscribe("s", "subscription { productUpdated { kind } }")
    assert client.next("s") == {"productUpdated": {"kind": "created"}}
    assert client.closed() == (1001, "unavailable: ...")
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from accounts.models import User
from core.feed.events import position_now
from tests.support.api import access_token
from tests.support.live import Shop
from tests.support.waiting import PATIENCE_S

PROTOCOL = "graphql-transport-ws"
PRODUCTS = "subscription($id: Int, $after: String) { productUpdated(id: $id, after: $after) { %s } }"
ORDERS = "subscription($id: Int, $after: String) { orderUpdated(id: $id, after: $after) { %s } }"


class SocketClient:
    """Sends and receives JSON messages, or plain text."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, message: Any) -> None:
        self.connection.send(message if isinstance(message, str | bytes) else json.dumps(message))

    def receive(self) -> Any:
        return json.loads(self.connection.recv(PATIENCE_S))

    def closed(self) -> tuple[int, str]:
        """Read until the server closes; return its close code and reason."""
        with pytest.raises(ConnectionClosed) as closed:
            self._read_on()
        assert closed.value.rcvd is not None, "The connection broke"
        return closed.value.rcvd.code, closed.value.rcvd.reason

    def _read_on(self) -> None:
        while True:
            self.connection.recv(PATIENCE_S)


class GraphSocket(SocketClient):
    """A client of graphql-transport-ws."""

    def acknowledge(self, payload: Any = None) -> None:
        self.send({"type": "connection_init"} | ({} if payload is None else {"payload": payload}))
        assert self.receive() == {"type": "connection_ack"}

    def subscribe(self, name: str, query: str, /, **variables: Any) -> None:
        self.send({"id": name, "type": "subscribe", "payload": {"query": query, "variables": variables}})

    def complete(self, name: str) -> None:
        self.send({"id": name, "type": "complete"})

    def next(self, name: str) -> Any:
        """Return the data of the next message; fail if it is not a result of the operation `name`."""
        message = self.receive()
        assert (message["id"], message["type"]) == (name, "next"), message
        assert "errors" not in message["payload"], message
        return message["payload"]["data"]

    def error(self, name: str) -> dict[str, Any]:
        """Return the message and the extensions of the only error that ended the operation `name`."""
        message = self.receive()
        assert (message["id"], message["type"]) == (name, "error"), message
        (error,) = message["payload"]
        assert len(error["extensions"].pop("request_id")) == 32
        return {"message": error["message"], **error["extensions"]}

    def refusal(self, name: str, query: str, /, **variables: Any) -> str:
        """Start a subscription that is refused; return the error code."""
        self.subscribe(name, query, **variables)
        return self.error(name)["code"]


@contextmanager
def opened(url: str, path: str, **options: Any) -> Iterator[ClientConnection]:
    """Connect, and close after the block. Raises websockets' InvalidStatus if the handshake is refused."""
    address = url.replace("http", "ws", 1) + path
    with connect(address, open_timeout=PATIENCE_S, close_timeout=2, compression=None, **options) as connection:
        yield connection


@contextmanager
def graph_socket(
    url: str, user: User | None = None, token: str | None = None, *, acknowledge: bool = True, **options: Any
) -> Iterator[GraphSocket]:
    """Connect to /graphql as `user`, with a token issued in the shop's database, or with `token`."""
    with opened(url, "/graphql", **{"subprotocols": [PROTOCOL]} | options) as connection:
        client = GraphSocket(connection)
        if acknowledge:
            token = access_token(user) if user and token is None else token
            client.acknowledge({"authorization": f"Bearer {token}"} if token else None)
        yield client


@contextmanager
def socket_client(url: str, path: str, token: str | None = None, **options: Any) -> Iterator[SocketClient]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with opened(url, path, additional_headers=headers, **options) as connection:
        yield SocketClient(connection)


def position_in(shop: Shop) -> str:
    """Return the cursor of the current end of a shop's feed."""
    with shop.database():
        return str(position_now())
