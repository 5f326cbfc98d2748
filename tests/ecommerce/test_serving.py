"""The web server's own limits."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from ecommerce.preflight import CannotRun
from ecommerce.serving import MAX_HEAD_BYTES, MAX_MESSAGE_BYTES, BoundedHead, listen, parse_address
from tests.live import ROOT, START_S, Server, free_port
from tests.sockets import PROTOCOL


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    """A server in a thread of this process, which answers with the bytes of the body."""

    async def app(scope, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % len(body)})

    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, http=BoundedHead, lifespan="off", log_config=None))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    yield listener.getsockname()
    server.should_exit = True
    thread.join(10)


def test_head_that_does_not_end_is_refused(address):
    with socket.create_connection(address, timeout=10) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: ")
        for _ in range(3):
            client.sendall(b"x" * (MAX_HEAD_BYTES // 2))
            time.sleep(0.05)

        assert client.recv(100).startswith(b"HTTP/1.1 400 ")


def test_long_bodies_and_ordinary_heads_pass_on_one_connection(address):
    with httpx.Client(base_url="http://{}:{}".format(*address)) as client:
        answers = [client.post("/", content=b"x" * size, headers={"X": "y" * 20_000}).text for size in (1, 900_000, 2)]
        answers += [client.get("/", headers={"X": "y" * 20_000}).text for _ in range(5)]

    assert answers == ["1", "900000", "2", *["0"] * 5]


@pytest.mark.parametrize(
    ("text", "address"), [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:8000", ("::1", 8000)), ("shop:0", ("shop", 0))]
)
def test_address_is_split(text, address):
    assert parse_address(text) == address


@pytest.mark.parametrize("host", ["192.0.2.1", "nowhere.invalid"])
def test_host_of_another_machine_is_one_line(host):
    with pytest.raises(CannotRun, match=r"192\.0\.2\.1: Cannot assign|nowhere\.invalid is no address"):
        listen(host, 0)


class Served(Server):
    """A server as quickstart starts it."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = folder / "served.log"
        script = f"from ecommerce.serving import listen, serve; serve(listen('127.0.0.1', {self.port}), workers=1)"
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=env, stdout=log, stderr=log)


def test_websockets_are_not_compressed_and_a_message_that_is_too_long_is_not_kept(live_shop, tmp_path):
    server = Served(tmp_path, live_shop().env)
    server.wait_until_live()

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
