"""The end of the server: its streams end in order and at once, and go on elsewhere."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from core.feed.events import position_now
from core.runtime import singleton
from core.server.bridge.environ import STREAMS
from core.server.open_calls import OpenCalls
from core.server.shutdown import shutdown_reason
from tests.support.api import Api, access_token
from tests.support.events import EventClient, flood, listening, stalled_client, was_reset
from tests.support.factories import make_product, make_staff
from tests.support.live import ROOT, Server, Shop, free_port
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.warm_start import WarmProcess

pytestmark = pytest.mark.unmeasured

EVENTS = "/api/v1/products/events"
STREAMS_OPEN, CHANGES = 20, 80
END_S = 25  # it is gone within 3 s; a machine that is busy with other tests is given eight times that

UVICORN = ["-m", "uvicorn", "ecommerce.asgi:application", "--no-access-log", "--port", "HTTP"]
SERVE = ["manage.py", "serve", "127.0.0.1:HTTP"]
QUICKSTART = ["manage.py", "quickstart", "--http", "127.0.0.1:HTTP", "--grpc", "127.0.0.1:GRPC"]
HANDSHAKE = (
    b"GET /api/v1/products/live HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
WAYS = {
    "uvicorn of two workers": [*UVICORN, "--workers", "2"],
    "serve": SERVE,
    "serve of two workers": [*SERVE, "--workers", "2"],
    "quickstart of two workers": [*QUICKSTART, "--workers", "2"],
}


class AnyServer(Server):
    """A server process, however it is started."""

    def __init__(self, folder: Path, env: dict[str, str], command: list[str]) -> None:
        self.port, grpc_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log_path = folder / f"server-{self.port}.log"
        ports = {"HTTP": str(self.port), "GRPC": str(grpc_port)}
        words = [word.replace("HTTP", ports["HTTP"]).replace("GRPC", ports["GRPC"]) for word in command]
        if words[0] == "manage.py":
            self.process = WarmProcess(words[1:], env, self.log_path, self.log_path)
            return
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen([sys.executable, *words], cwd=ROOT, env=env, stdout=log, stderr=log)


@pytest.fixture(scope="module")
def shop(live_shops) -> Shop:
    """A shop whose first server goes on."""
    return live_shops()


@pytest.fixture
def listen() -> Iterator[Callable[..., EventClient]]:
    with listening() as listen:
        yield listen


def started(shop: Shop, command: list[str], **env: str) -> AnyServer:
    server = AnyServer(shop.folder, {**shop.env, **env}, command)
    shop.servers.append(server)
    server.wait_until_live()
    return server


def accepts(port: int) -> bool:
    """Whether a server takes connections on a port."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def sell(url: str, token: str, stocks: range) -> None:
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}) as client:
        for stock in stocks:
            client.patch(url, json={"stock": stock}).raise_for_status()


@pytest.mark.parametrize(
    ("way", "how"),
    [
        ("uvicorn of two workers", signal.SIGTERM),
        ("serve", signal.SIGTERM),
        ("quickstart of two workers", signal.SIGTERM),
        ("serve of two workers", signal.SIGINT),
    ],
)
def test_every_stream_is_told_and_goes_on_elsewhere_without_hole_or_double(shop, listen, way, how):
    server = started(shop, WAYS[way])
    with shop.database():
        product, token, position = make_product(stock=1_000), access_token(make_staff()), str(position_now())
    path, stocks = f"/api/v1/products/{product.pk}", range(999, 999 - CHANGES, -1)
    clients = [listen(f"{server.url}{path}/events", after=position) for _ in range(STREAMS_OPEN)]

    with ThreadPoolExecutor(1) as seller:
        selling = seller.submit(sell, shop.servers[0].url + path, token, stocks)
        clients[0].wait_for("product", CHANGES // 4)
        seconds = server.stop(how, timeout_s=30)
        for client in clients:
            client.wait_for_end()
        others = [listen(f"{shop.servers[0].url}{path}/events", after=client.cursor) for client in clients]
        selling.result()

    assert seconds < END_S
    for client, other in zip(clients, others, strict=True):
        (end,) = client.of("end")
        told = client.of("product") + other.wait_for("product", CHANGES - len(client.of("product")))
        assert (client.blocks[-1], end.data["code"], end.retry_ms, client.error) == (end, "unavailable", 1000, None)
        assert int(end.cursor) >= int(client.of("product")[-1].cursor)
        assert [block.data["new_stock"] for block in told] == list(stocks)


def test_client_that_takes_nothing_does_not_hold_the_end_up(shop):
    server = started(shop, SERVE, STREAM_STALL_S="60")
    with shop.database():
        stalled = stalled_client(server.port, EVENTS)
        flood()
    time.sleep(2)  # until nothing more goes out

    assert server.stop(timeout_s=30) < END_S
    assert was_reset(stalled)


def test_websocket_on_a_connection_without_a_request_is_refused_as_unavailable(shop):
    server = started(shop, [*SERVE, "--grace", "20"])
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE_S) as client:
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not accepts(server.port), "The server still listens")
        client.sendall(HANDSHAKE.replace(b"PORT", str(server.port).encode()))
        head = client.recv(65_536).split(b"\r\n", 1)[0]

    assert head.startswith(b"HTTP/1.1 503 ")


# -- What is told of the end ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_stream_that_comes_when_the_end_has_begun_is_sent_elsewhere():
    singleton(OpenCalls).end_all(shutdown_reason())

    answer = Api().client.get("/api/v1/products/events", **{STREAMS: True})

    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "unavailable", "1")
