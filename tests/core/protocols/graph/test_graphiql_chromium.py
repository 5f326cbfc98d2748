"""GraphiQL in a browser: it opens what a link brings, and subscribes, by WebSocket, as who is signed in."""

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest

from catalog.models import Product
from orders.actions import move_order
from tests.support.api import access_token
from tests.support.chromium import Browser, Page
from tests.support.factories import make_order, make_product, make_user
from tests.support.live import Shop

pytestmark = pytest.mark.unmeasured

EDITOR = "document.querySelector('.graphiql-query-editor .CodeMirror')?.CodeMirror"
HEADERS = "[...document.querySelectorAll('.graphiql-editor-tool .CodeMirror')].at(-1)?.CodeMirror"
TAB_STRIP = "document.querySelector('.graphiql-tabs')"
TABS = "document.querySelectorAll('.graphiql-tab').length"
RESULT = "document.querySelector('.result-window .CodeMirror')?.CodeMirror.getValue()"


def run(page: Page, query: str, token: str | None = None) -> None:
    page.wait_for(EDITOR)
    page.value_of(f"{EDITOR}.setValue({json.dumps(query)})")
    if token:
        headers = json.dumps({"Authorization": f"Bearer {token}"})
        page.value_of(f"{HEADERS}.setValue({json.dumps(headers)})")
    page.value_of("new Promise((done) => setTimeout(done, 500))")  # the editor tells the page a little later
    page.value_of("document.querySelector('.graphiql-execute-button').click()")


@pytest.fixture(scope="module")
def shop(live_shops: Callable[..., Shop]) -> Shop:
    return live_shops()


def test_link_brings_its_document_into_the_first_tab_and_sends_nothing(chromium: Browser, shop: Shop) -> None:
    query = "query Link($q: String!) { searchProducts(query: $q) { name } }"
    with shop.database():
        make_product(name="Tea")

    link = f"{shop.url}/graphql?query={quote(query)}&variables={quote(json.dumps({'q': 'te'}))}"
    with chromium.page(link) as page:
        page.wait_for(f"{EDITOR}?.getValue()")
        assert (page.value_of(f"{EDITOR}.getValue()"), page.value_of(RESULT)) == (query, "")
        assert page.value_of(TABS) > 5
        page.value_of("document.querySelector('.graphiql-execute-button').click()")
        page.wait_for(f"{RESULT}?.includes('Tea')")

        assert page.errors == []


def test_editor_does_not_cover_the_tabs_and_their_scrollbar(chromium: Browser, shop: Shop) -> None:
    with chromium.page(f"{shop.url}/graphql") as page:
        page.command("Emulation.setDeviceMetricsOverride", width=1280, height=900, deviceScaleFactor=1, mobile=False)
        page.wait_for(EDITOR)
        tabs, editors = (
            page.value_of(f"document.querySelector('{name}').getBoundingClientRect().toJSON()")
            for name in (".graphiql-tabs", ".graphiql-editors")
        )

        assert page.value_of("(({scrollWidth, clientWidth}) => scrollWidth > clientWidth)" + f"({TAB_STRIP})")
        assert tabs["bottom"] <= editors["top"]


def test_subscription_of_a_stranger_tells_what_happens(chromium: Browser, shop: Shop) -> None:
    with shop.database():
        product = make_product(name="Tea", stock=3)

    with chromium.page(f"{shop.url}/graphql") as page:
        run(page, 'subscription Follow { productUpdated(after: "0") { kind newStock product { name } } }')
        page.wait_for(f"{RESULT}?.includes('created')")
        with shop.database():
            Product.objects.filter(pk=product.pk).update(stock=2)
        page.wait_for(f"{RESULT}?.includes('updated')")

        assert json.loads(page.value_of(RESULT)) == {
            "data": {"productUpdated": {"kind": "updated", "newStock": 2, "product": {"name": "Tea"}}}
        }
        assert page.errors == []


def test_subscription_carries_the_token_of_the_headers(chromium: Browser, shop: Shop) -> None:
    with shop.database():
        user, staff = make_user(password="a-long-password"), make_user(is_staff=True)

    with chromium.page(f"{shop.url}/graphql") as page:
        run(page, 'subscription { orderUpdated(after: "0") { kind order { number } } }', access_token(user))
        page.wait_for("document.querySelector('.graphiql-spinner, .graphiql-execute-button svg')")
        with shop.database():
            order = make_order(user)
            move_order(actor=staff, order_id=order.pk, verb="pay")
        page.wait_for(f"{RESULT}?.includes('moved')")

        assert json.loads(page.value_of(RESULT)) == {
            "data": {"orderUpdated": {"kind": "moved", "order": {"number": order.number}}}
        }
