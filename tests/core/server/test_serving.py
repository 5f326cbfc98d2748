"""The web server's own limits."""

import socket

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from core.server.serving import MAX_MESSAGE_BYTES, bind, parse_address, reserve
from core.server.start.preflight import CannotRun
from tests.support.sockets import PROTOCOL
from tests.support.waiting import START_S


@pytest.mark.parametrize(
    ("text", "address"), [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:8000", ("::1", 8000)), ("shop:0", ("shop", 0))]
)
def test_address_is_split(text, address):
    assert parse_address(text) == address


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_host_of_another_machine_is_one_line(host):
    with pytest.raises(CannotRun, match=r"192\.0\.2\.1: Cannot assign|nowhere\.invalid is not an address"):
        bind(host, 0)


def test_port_of_a_server_that_has_just_ended_is_reserved():
    with socket.create_server(("127.0.0.1", 0)) as ended:
        address = ended.getsockname()
        with socket.create_connection(address) as client:
            ended.accept()[0].close()  # this end closes first, so the connection holds the port
            client.recv(1)

    reserve(*address).close()


def test_reserved_port_is_refused_to_another_server():
    with reserve("127.0.0.1", 0) as reserved, pytest.raises(CannotRun, match="in use"):
        bind(*reserved.getsockname())


def test_websockets_are_not_compressed_and_a_message_that_is_too_long_is_not_kept(live_shop):
    server = live_shop().servers[0]

    with connect(f"ws://127.0.0.1:{server.port}/graphql", subprotocols=[PROTOCOL]) as connection:
        extensions = connection.response.headers.get("Sec-WebSocket-Extensions")
        code = code_after(connection, "x" * (MAX_MESSAGE_BYTES + 1))
    server.stop()

    assert extensions is None
    assert code in (1009, None)


def code_after(connection: ClientConnection, text: str) -> int | None:
    """Send a text that ends the connection; None when that is reset before the reason has come, as TCP does it."""

    def tell() -> None:
        connection.send(text)
        connection.recv(START_S)

    with pytest.raises(ConnectionClosed) as closed:
        tell()
    return closed.value.rcvd and closed.value.rcvd.code
