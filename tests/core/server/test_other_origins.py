"""Pages of other origins, in a browser and by their requests."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from core.server.other_origins import open_to_other_origins
from tests.support.api import access_token
from tests.support.factories import make_product, make_user
from tests.support.live import Shop, free_port

SCRIPT = Path(__file__).with_name("calls_of_a_page.js").read_text()
READABLE = {
    "REST read": [200, "ETag", "Last-Modified", "RateLimit", "X-Request-ID"],
    "REST write": [201, "Location"],
    "REST refusal": [401],
    "Refusal before Django": [413],
    "Event stream": ["open"],
    "GraphQL": [200],
    "GraphQL stream": [200, True],
    "Connect": [200],
    "gRPC-Web": ["grpc-status: 16"],
    "WebSocket": ["open"],
}


class EmptyPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # as http.server calls it
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>A page</title>")

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of a server of an empty page. As localhost and as 127.0.0.1 it has two origins."""
    with ThreadingHTTPServer(("127.0.0.1", free_port()), EmptyPage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def shop(live_shops, port: int) -> Shop:
    shop: Shop = live_shops(CORS_ALLOWED_ORIGINS=f"http://localhost:{port}", MAX_BODY_BYTES="1000", RATE_LIMITS="on")
    return shop


@pytest.fixture(scope="module")
def token(shop: Shop) -> str:
    with shop.database():
        make_product(stock=10, pk=1)
        return access_token(make_user())


@pytest.mark.live
@pytest.mark.parametrize(
    ("host", "found"),
    [("localhost", READABLE), ("127.0.0.1", dict.fromkeys(READABLE, "refused"))],
    ids=["allowed", "not allowed"],
)
def test_page_of_another_origin_makes_ten_calls_only_if_its_origin_is_allowed(
    chromium, shop, port, token, host, found
) -> None:
    with chromium.page(f"http://{host}:{port}/") as page:
        page.wait_for("document.title === 'A page'")
        page.value_of(f"{SCRIPT}; 0")

        assert page.value_of(f"calls({shop.url!r}, {token!r})") == found


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/products",
        "/api/v2/orders/1/pay",
        "/api/nothing",
        "/graphql",
        "/ecommerce.ProductService/WatchProducts",
        "/health/ready",
        "/nothing",
    ],
)
def test_preflight_is_answered_everywhere(shop: Shop, port: int, path: str) -> None:
    asked = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "if-match,authorization"}
    response = httpx.options(f"{shop.url}{path}", headers={"Origin": f"http://localhost:{port}", **asked})

    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["Access-Control-Allow-Origin"] == f"http://localhost:{port}"
    assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
    assert response.headers["Access-Control-Allow-Headers"] == "*, authorization"
    assert response.headers["Vary"] == "Origin"
    assert response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("origin", [None, "https://else.example", "null", "http://[", "http://localhost"])
def test_response_to_any_other_request_varies_by_origin_and_allows_none(shop: Shop, token: str, origin) -> None:
    headers = {"Origin": origin} if origin else {}
    asked = httpx.options(f"{shop.url}/graphql", headers={**headers, "Access-Control-Request-Method": "POST"})
    read = httpx.get(f"{shop.url}/api/v1/products/1", headers=headers)

    assert (asked.status_code, read.status_code) == (204, 200)
    assert read.headers["Vary"] == "Accept, Authorization, Origin"
    assert not [name for name in (*asked.headers, *read.headers) if name.startswith("access-control")]


def test_nothing_changes_if_no_origin_is_allowed() -> None:
    async def application(scope: object, receive: object, send: object) -> None:
        raise AssertionError

    assert open_to_other_origins(application) is application
