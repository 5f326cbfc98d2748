"""The web server's own limits."""

import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import uvicorn

from ecommerce.preflight import CannotRun
from ecommerce.serving import MAX_HEAD_BYTES, BoundedHead, listen, parse_address


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
