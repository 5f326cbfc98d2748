"""The pages in a browser: their Content-Security-Policy lets them work, and the console stays clean."""

import json
from collections.abc import Iterator

import pytest

from orders.models import Order
from samples.demo.loading import STAFF, prepare
from tests.support.axe import barriers
from tests.support.chromium import Browser, Page
from tests.support.factories import make_order
from tests.support.live import Shop

pytestmark = pytest.mark.unmeasured

PASSWORD = "a-demo-password"
SIGN_IN = "'/api/v1/auth/token', 'post'"
PRODUCTS, ORDERS = "/admin/catalog/product/", "/admin/orders/order/"
CANCEL = "document.querySelector('button[value=cancel]').click()"


@pytest.fixture(scope="module")
def shop(live_shops) -> Shop:
    shop: Shop = live_shops()
    with shop.database():
        prepare(PASSWORD)
    return shop


def leave_by(page: Page, script: str) -> None:
    """Do what opens another page, and return when that is loaded."""
    page.value_of(f"window.isLeft = true; {script}; 0")
    page.wait_for("!window.isLeft && document.readyState === 'complete'")


@pytest.fixture(scope="module")
def signed_in(chromium: Browser, shop: Shop) -> Iterator[Page]:
    """A page of a browser that has signed in to the admin by its form."""
    with chromium.page(f"{shop.url}/admin/login/") as page:
        page.wait_for("document.querySelector('[name=password]')")
        for name, value in (("username", STAFF), ("password", PASSWORD)):
            page.value_of(f"document.querySelector('[name={name}]').value = {json.dumps(value)}")
        leave_by(page, "document.querySelector('[name=password]').form.submit()")
        assert page.value_of("location.pathname") == "/admin/"
        assert page.errors == []
        yield page


@pytest.fixture
def page(signed_in: Page) -> Page:
    signed_in.errors.clear()
    return signed_in


@pytest.mark.parametrize(
    "path",
    [
        "/admin/",
        PRODUCTS,
        f"{PRODUCTS}add/",
        f"{PRODUCTS}1/change/",
        f"{PRODUCTS}1/history/",
        f"{PRODUCTS}1/delete/",
        ORDERS,
        f"{ORDERS}1/change/",
        "/admin/accounts/user/",
        "/admin/accounts/user/1/change/",
        "/admin/webhooks/endpoint/",
        "/admin/webhooks/endpoint/add/",
        "/admin/webhooks/delivery/",
    ],
)
def test_page_of_the_admin_works_within_its_policy(shop: Shop, page: Page, path: str) -> None:
    page.go(f"{shop.url}{path}")

    page.wait_for("typeof Alpine === 'object' && !document.querySelector('body [x-cloak]')")
    assert page.value_of("location.pathname") == path
    assert page.errors == []


def test_prices_are_changed_through_the_page_for_it(shop: Shop, page: Page) -> None:
    page.go(f"{shop.url}{PRODUCTS}")
    page.value_of("document.querySelector('.action-select').click()")
    page.value_of("document.querySelector('select[name=action]').value = 'change_prices'")
    leave_by(page, "HTMLFormElement.prototype.submit.call(document.querySelector('#changelist-form'))")
    page.value_of("document.querySelector('[name=percent]').value = '10'")
    leave_by(page, "document.querySelector('[name=preview]').click()")

    assert page.value_of("document.querySelector('[name=apply]').textContent.trim()").endswith("Change 1 price")
    assert page.errors == []


@pytest.mark.parametrize(("is_confirmed", "status"), [(False, "pending"), (True, "cancelled")])
def test_order_is_cancelled_only_when_the_question_is_answered_with_yes(
    shop: Shop, page: Page, is_confirmed: bool, status: str
) -> None:
    with shop.database():
        order = make_order()
    page.go(f"{shop.url}{ORDERS}{order.pk}/change/")
    page.value_of(f"window.confirm = (text) => {{ document.title = text; return {json.dumps(is_confirmed)} }}; 0")

    if is_confirmed:
        leave_by(page, CANCEL)
    else:
        page.value_of(CANCEL)
        assert page.value_of("document.title") == "Cancel this order? Its stock goes back."

    with shop.database():
        assert Order.objects.get(pk=order.pk).status == status
    assert page.errors == []


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_operation_is_tried_on_the_page_of_the_rest_api(shop: Shop, page: Page, version: str) -> None:
    page.go(f"{shop.url}/api/docs?version={version}")
    page.wait_for("document.querySelector('.opblock-summary-path[data-path$=\"/products\"]')")
    page.value_of("document.querySelector('.opblock-summary-path[data-path$=\"/products\"]').click()")
    for button in ("try-out__btn", "execute"):
        page.wait_for(f"document.querySelector('.{button}')")
        page.value_of(f"document.querySelector('.{button}').click()")
    page.wait_for(
        "document.querySelector('.live-responses-table tbody .response-col_status')?.textContent.includes('200')"
    )

    assert "Three Tongues Shop REST API" in page.value_of("document.querySelector('.info .title').textContent")
    assert page.errors == []


def test_page_of_the_rest_api_is_signed_in_by_its_own_sign_in(shop: Shop, page: Page) -> None:
    page.go(f"{shop.url}/api/docs#/auth/signIn")
    credentials = json.dumps({"username": STAFF, "password": PASSWORD})
    page.wait_for("document.querySelector('.try-out__btn')")
    page.value_of("document.querySelector('.try-out__btn').click()")
    page.wait_for("document.querySelector('.body-param__text')")
    page.value_of(f"ui.oas3Actions.setRequestBodyValue({{value: {credentials!r}, pathMethod: [{SIGN_IN}]}}); 0")
    page.value_of("document.querySelector('.execute').click()")

    page.wait_for("document.querySelector('.auth-wrapper .authorize.locked')")
    page.value_of("localStorage.clear()")
    assert page.errors == []


def test_operation_is_short_because_its_headers_are_folded(shop: Shop, page: Page) -> None:
    page.go(f"{shop.url}/api/docs?version=v1#/orders/placeOrder")
    page.wait_for("document.querySelector('#operations-orders-placeOrder .responses-wrapper .model-example')")

    block = "document.querySelector('#operations-orders-placeOrder')"
    assert page.value_of(f"{block}.querySelectorAll('details.headers:not([open])').length") == 5
    assert page.value_of(f"{block}.offsetHeight") < 2_500


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/graphql", ".graphiql-container .CodeMirror-line"),
        ("/api/docs?version=v1#/orders/placeOrder", ".responses-wrapper .microlight"),
    ],
    ids=["GraphiQL", "REST API"],
)
def test_page_for_developers_has_no_serious_barrier(shop, page, npm_packages, path, shown, scheme, width) -> None:
    page.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.command("Emulation.setDeviceMetricsOverride", **size)
    page.go("about:blank")
    page.go(f"{shop.url}{path}")
    page.wait_for(f"document.querySelector({json.dumps(shown)})")

    assert barriers(page, npm_packages) == {}
    assert page.value_of("document.documentElement.scrollWidth") <= width
