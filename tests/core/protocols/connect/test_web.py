"""The shop as npm's @connectrpc/connect-web sees it, from node and from a page in Chromium (tests/support/npm.py).

Its JavaScript of the .proto files is generated for the run by npm's protoc-gen-es.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from google.rpc import error_details_pb2

from accounts.models import User
from catalog.models import Product
from tests.support.api import access_token
from tests.support.chromium import Browser, Page
from tests.support.connect import WebShop
from tests.support.factories import make_product, make_staff, make_user
from tests.support.live import ROOT
from tests.support.rpc import METHODS

WAYS = ["Connect JSON", "Connect binary", "Connect GET", "gRPC-Web"]
PAGE_WAYS = ["Connect GET", "gRPC-Web"]
HERE = Path(__file__).parent
NOT_FOR_BROWSERS = {"BatchCreateProducts", "LivePriceUpdates"}  # streams from the client
TIMEOUT_S = 60
Where = Callable[..., AbstractContextManager[Iterator[str]]]  # a job is done there, and says texts


@pytest.fixture(scope="module")
def folder(npm_packages: str, tmp_path_factory) -> Path:
    """Where the scripts are, with all that they import."""
    folder = tmp_path_factory.mktemp("connect-web")
    modules = Path(npm_packages) / "node_modules"
    if not (modules / "@connectrpc" / "connect-web").exists():
        pytest.skip("needs npm's @connectrpc/connect-web: NPM_PACKAGES names a folder that does not have it")
    (folder / "node_modules").symlink_to(modules)
    for script in HERE.glob("connect_*.mjs"):
        shutil.copy(script, folder)
    generate(modules / ".bin" / "protoc-gen-es", folder / "gen")
    return folder


def generate(plugin: Path, out: Path) -> None:
    out.mkdir()
    details = Path(error_details_pb2.__file__).parents[2]  # google/rpc/error_details.proto is beside its module
    sources = ["product.proto", "order.proto", "account.proto", "report.proto", "google/rpc/error_details.proto"]
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--plugin=protoc-gen-es={plugin}", f"--es_out={out}"]
    command += ["--es_opt=target=js,import_extension=js", f"-I{ROOT / 'protos'}", f"-I{details}", *sources]
    subprocess.run(command, check=True, timeout=TIMEOUT_S)


@pytest.fixture(scope="module")
def shop(web_shop) -> WebShop:
    with web_shop.database():
        make_product(name="Tea", price="9.50", stock=30, sku="TEA")
        make_user(username="customer")
        make_staff(username="staff")
    return web_shop


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    with chromium.page("about:blank") as page:
        page.command("Runtime.addBinding", name="told")
        yield page


@pytest.fixture(scope="module")
def bundle(folder: Path) -> str:
    """The script of the page, with all that it imports."""
    command = [folder / "node_modules" / ".bin" / "esbuild", "connect_page.mjs", "--bundle", "--format=iife"]
    options: Any = {"cwd": folder, "capture_output": True, "text": True, "timeout": TIMEOUT_S}
    return subprocess.run(command, check=True, **options).stdout


@pytest.fixture
def browser(page: Page, bundle: str) -> Where:
    @contextmanager
    def do(folder: Path, shop: WebShop, **job: Any) -> Iterator[Iterator[str]]:
        """Do the job in a page of the shop."""
        job = {"url": shop.web.url, **job}
        page.go(f"{job['url']}/api/docs")  # its policy lets scripts call the shop
        page.said.clear()
        page.value_of(f"{bundle}; 0")
        page.value_of(f"run({json.dumps(job)}); 0")
        yield page.texts()
        page.go("about:blank")

    return do


@contextmanager
def node(folder: Path, shop: WebShop, **job: Any) -> Iterator[Iterator[str]]:
    """Do the job in node."""
    command = ["node", "connect_node.mjs", json.dumps({"url": shop.web.url, **job})]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.terminate()


def told(texts: Iterator[str]) -> Any:
    """Return the next thing that is said."""
    text = next(texts, None)
    assert text, "it said nothing more"
    return json.loads(text)


def token_of(shop: WebShop, username: str) -> str:
    with shop.database():
        return access_token(User.objects.get(username=username))


# -- Each call of each service ----------------------------------------------------------------------------------

Calls = list[tuple[str, str, str, dict[str, Any]]]

# fmt: off
CALLS: Calls = [  # under which name, the method, who, the request
    ("created", "CreateProduct", "staff", {"name": "Pot", "price": 20.5, "stock": 9}),
    ("read", "GetProduct", "", {"id": "$created.product.id"}),
    ("listed", "ListProducts", "", {"pageSize": 1, "sortBy": "-price"}),
    ("updated", "UpdateProduct", "staff", {"id": "$created.product.id", "stock": 8}),
    ("corrected", "CorrectStock", "staff", {"id": "$created.product.id", "units": 3, "reason": "Counted"}),
    ("by_sku", "BatchChangeProducts", "staff", {"changes": [{"sku": "NO-SUCH-SKU", "price": 3.5}]}),
    ("category", "CreateCategory", "staff", {"name": "Pots", "slug": "pots-of-the-test"}),
    ("one_category", "GetCategory", "", {"id": "$category.category.id"}),
    ("categories", "ListCategories", "", {}),
    ("renamed", "UpdateCategory", "staff", {"id": "$category.category.id", "name": "Cups"}),
    ("emptied", "DeleteCategory", "staff", {"id": "$category.category.id"}),
    ("history", "ListProductHistory", "staff", {"id": "$created.product.id"}),
    ("reverted", "RevertProduct", "staff", {"id": "$created.product.id", "changeId": 0}),
    ("preview", "PreviewPrices", "staff", {"percent": 10, "q": "no such product"}),
    ("repriced", "ChangePrices", "staff", {"percent": 10, "q": "no such product"}),
    ("price_change", "GetPriceChange", "staff", {"id": 1}),
    ("price_changes", "ListPriceChanges", "staff", {}),
    ("undone", "UndoPriceChange", "staff", {"id": 1}),
    ("pictured", "SetProductImage", "staff", {"id": "$created.product.id", "image": "PHN2Zy8+"}),
    ("bare", "RemoveProductImage", "staff", {"id": "$created.product.id"}),
    ("placed", "PlaceOrder", "customer", {"items": [{"productId": "$created.product.id", "quantity": 2}]}),
    ("order", "GetOrder", "customer", {"id": "$placed.order.id"}),
    ("orders", "ListOrders", "customer", {}),
    ("theirs", "ListUserOrders", "staff", {"userId": "$placed.order.userId"}),
    ("cancelled", "CancelOrder", "customer", {"id": "$placed.order.id"}),
    ("second", "PlaceOrder", "customer", {"items": [{"productId": "$created.product.id", "quantity": 1}]}),
    ("paid", "PayOrder", "staff", {"id": "$second.order.id"}),
    ("shipped", "ShipOrder", "staff", {"id": "$second.order.id"}),
    ("delivered", "DeliverOrder", "staff", {"id": "$second.order.id"}),
    ("refunded", "RefundOrder", "staff", {"id": "$second.order.id"}),
    ("moved", "BatchMoveOrders", "staff", {"verb": "pay", "orders": [{"orderId": "$second.order.id"}]}),
    ("sales", "GetSales", "staff", {"createdFrom": "2026-11-01", "createdTo": "2026-11-30"}),
    ("moves", "ListOrderHistory", "staff", {"id": "$second.order.id"}),
    ("deleted", "DeleteProduct", "staff", {"id": "$created.product.id"}),
    ("gone", "GetProduct", "", {"id": "$created.product.id"}),
    ("user", "GetUser", "customer", {"id": "$placed.order.userId"}),
    ("me", "GetMe", "customer", {}),
    ("users", "ListUsers", "staff", {}),
    ("invalid", "CreateProduct", "staff", {"name": "", "price": -1}),
    ("forbidden", "CreateProduct", "customer", {"name": "Cup", "price": 1}),
    ("unknown", "GetMe", "", {}),
    ("impossible", "CancelOrder", "customer", {"id": "$second.order.id"}),
]
# fmt: on
ENTRANCE = [
    ("registered", "RegisterUser", "", {"username": "USERNAME", "email": "USERNAME@example.com", "password": "PASS"}),
    ("signed_in", "ObtainToken", "", {"username": "USERNAME", "password": "PASS"}),
    ("refreshed", "RefreshToken", "", {"refresh": "$signed_in.refresh"}),
    ("revoked", "RevokeToken", "", {"refresh": "$refreshed.refresh"}),
    ("refused", "RefreshToken", "", {"refresh": "$refreshed.refresh"}),
]


def answers_of(folder: Path, shop: WebShop, way: str, calls: Calls, where: Where = node) -> Any:
    tokens = {"": None} | {name: token_of(shop, name) for name in ("staff", "customer")}
    job = [{"as": name, "name": method, "token": tokens[who], "request": sent} for name, method, who, sent in calls]
    with where(folder, shop, way=way, calls=job) as texts:
        return told(texts)


@pytest.fixture(scope="module")
def answers_to_node(folder: Path, shop: WebShop) -> Callable[[str], Any]:
    """The answers to all calls, made once a way."""
    return cache(lambda way: answers_of(folder, shop, way, CALLS))


def error(code: str, message: str, reason: str, **fields: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "reason": reason, "fields": fields}}


@pytest.mark.parametrize("way", WAYS)
def test_each_call_is_answered(answers_to_node, way):
    answers = answers_to_node(way)

    pot = answers["created"]["product"]
    assert (pot["name"], pot["price"], pot["stock"], pot["version"]) == ("Pot", 20.5, 9, 1)
    assert answers["read"]["product"] == pot
    assert [row["name"] for row in answers["listed"]["products"]] == ["Pot"]
    assert answers["updated"]["product"]["stock"] == 8
    assert answers["corrected"]["product"]["stock"] == 11
    assert len(answers["by_sku"]["failures"]) == 1
    assert [change["kind"] for change in answers["history"]["changes"]] == ["correction", "correction", "created"]
    assert answers["reverted"]["error"]["code"] == "InvalidArgument"
    assert answers["preview"].get("matched", 0) == answers["price_changes"].get("total", 0) == 0
    assert [answers[name]["error"]["code"] for name in ("repriced", "pictured")] == ["InvalidArgument"] * 2
    assert [answers[name]["error"]["code"] for name in ("price_change", "undone")] == ["NotFound"] * 2
    assert answers["bare"]["product"]["id"] == pot["id"]
    assert len(answers["moves"]["changes"]) == 5
    assert answers["order"] == answers["placed"]
    assert answers["placed"]["order"]["total"] == 41
    assert answers["placed"]["order"] in answers["orders"]["orders"]
    assert answers["theirs"] == answers["orders"]
    states = [answers[name]["order"]["status"] for name in ("cancelled", "paid", "shipped", "delivered", "refunded")]
    assert states == ["cancelled", "paid", "shipped", "delivered", "refunded"]
    assert [failure["code"] for failure in answers["moved"]["failures"]] == ["invalid_transition"]
    assert len(answers["sales"]["report"]["days"]) == 30
    assert answers["deleted"] == {"success": True}
    assert answers["user"] == answers["me"]
    assert answers["me"]["user"]["username"] == "customer"
    assert answers["me"]["user"] in answers["users"]["users"]


@pytest.mark.parametrize("way", WAYS)
def test_each_refusal_has_its_code_its_reason_and_its_fields(answers_to_node, way):
    answers = answers_to_node(way)

    fields = {"name": "Name is required", "price": "Valid price is required"}
    missing = f"Product {answers['created']['product']['id']} not found"
    assert answers["invalid"] == error("InvalidArgument", "Invalid product data", "invalid_input", **fields)
    assert answers["gone"] == error("NotFound", missing, "not_found")
    assert answers["forbidden"] == error("PermissionDenied", "Not permitted", "forbidden")
    assert answers["unknown"] == error("Unauthenticated", "Authorization required", "unauthenticated")
    impossible = answers["impossible"]["error"]
    assert (impossible["code"], impossible["reason"]) == ("FailedPrecondition", "invalid_transition")


@pytest.mark.parametrize("way", WAYS)
def test_one_registers_signs_in_and_out(folder, shop, way):
    name, password = f"new-{WAYS.index(way)}", "a long enough passphrase"
    filled = json.loads(json.dumps(ENTRANCE).replace("USERNAME", name).replace("PASS", password))

    answers = answers_of(folder, shop, way, filled)

    assert answers["registered"]["user"]["username"] == name
    assert set(answers["signed_in"]) == set(answers["refreshed"]) == {"access", "refresh"}
    assert answers["revoked"] == {}
    assert answers["refused"]["error"]["code"] == "Unauthenticated"


def test_no_call_is_left_out():
    assert {call[1] for call in CALLS + ENTRANCE} | NOT_FOR_BROWSERS | {"WatchProducts"} == set(METHODS)


# -- Streams ----------------------------------------------------------------------------------------------------


def tea(shop: WebShop, **changes: Any) -> Product:
    with shop.database():
        product = Product.objects.get(sku="TEA")
        Product.objects.filter(pk=product.pk).update(**changes) if changes else None
        return product


@pytest.mark.parametrize("way", WAYS)
def test_stream_tells_every_change_and_the_client_may_leave(folder, shop, way):
    product = tea(shop)
    with node(folder, shop, way=way, watch=3, request={"id": product.pk}) as texts:
        begins = told(texts)["begins"]
        for stock in (7, 6, 5):
            tea(shop, stock=stock)
        updates, end = [told(texts) for _ in range(3)], told(texts)

    assert [update["stock"] for update in updates] == [7, 6, 5]
    assert int(begins) < int(updates[0]["cursor"])
    assert end["ends"]["code"] == "Canceled"


@pytest.mark.parametrize("way", WAYS)
def test_cursor_takes_up_again(folder, shop, way):
    product = tea(shop)
    with node(folder, shop, way=way, watch=1, request={"id": product.pk}) as texts:
        told(texts)
        tea(shop, stock=9)
        last = told(texts)["cursor"]
    tea(shop, stock=8)
    tea(shop, stock=7)

    with node(folder, shop, way=way, watch=2, request={"id": product.pk, "after": last}) as texts:
        assert told(texts) == {"begins": last}
        assert [told(texts)["stock"] for _ in range(2)] == [8, 7]


@pytest.mark.parametrize("way", WAYS)
def test_error_in_the_middle_of_a_stream_has_its_reason_and_the_cursor(folder, shop, way):
    server = shop.start()
    with node(folder, shop, url=server.url, way=way, watch=0, request={"id": tea(shop).pk}) as texts:
        told(texts)
        tea(shop, stock=4)
        update = told(texts)
        server.process.terminate()
        end = told(texts)["ends"]
    server.process.wait(10)

    assert (end["code"], end["reason"], end["cursor"]) == ("Unavailable", "unavailable", update["cursor"])


@pytest.mark.parametrize("way", WAYS)
def test_stream_that_is_refused_says_why(folder, shop, way):
    with node(folder, shop, way=way, watch=1, request={"id": 999_999}) as texts:
        facts = [told(texts) for _ in range(2)]

    assert (facts[-1]["ends"]["code"], facts[-1]["ends"]["message"]) == ("NotFound", "Product 999999 not found")


# -- From a page ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", PAGE_WAYS)
def test_each_call_is_answered_to_a_page_as_to_node(folder, shop, browser, answers_to_node, way):
    from_page = answers_of(folder, shop, way, CALLS, where=browser)

    states = [from_page[name]["order"]["status"] for name in ("cancelled", "refunded")]
    assert states == ["cancelled", "refunded"]
    assert from_page["me"] == answers_to_node(way)["me"]
    fields = {"name": "Name is required", "price": "Valid price is required"}
    assert from_page["invalid"] == error("InvalidArgument", "Invalid product data", "invalid_input", **fields)


@pytest.mark.parametrize("way", PAGE_WAYS)
def test_page_is_told_every_change_and_may_leave(folder, shop, browser, way):
    with browser(folder, shop, way=way, watch=3, request={"id": tea(shop).pk}) as texts:
        assert told(texts)["begins"]
        for stock in (7, 6, 5):
            tea(shop, stock=stock)
        updates, end = [told(texts) for _ in range(3)], told(texts)

    assert [update["stock"] for update in updates] == [7, 6, 5]
    assert end["ends"]["code"] == "Canceled"


@pytest.mark.parametrize("way", PAGE_WAYS)
def test_page_is_told_why_a_stream_ends(folder, shop, browser, way):
    server = shop.start()
    with browser(folder, shop, url=server.url, way=way, watch=0, request={"id": tea(shop).pk}) as texts:
        told(texts)
        tea(shop, stock=4)
        update = told(texts)
        server.process.terminate()
        end = told(texts)["ends"]
    server.process.wait(10)

    assert (end["code"], end["reason"], end["cursor"]) == ("Unavailable", "unavailable", update["cursor"])
