"""Connect and gRPC-Web answer what gRPC answers, to whoever asks: message for message, refusal for refusal."""

from typing import Any

import grpc
import pytest

from accounts.models import User
from catalog.models import Product
from orders.models import Order
from tests.support.api import access_token
from tests.support.connect import WAYS, Refused, WebClient, WebShop
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.rpc import Client, refusal_in

pytestmark = pytest.mark.unmeasured

ROLES = ("", "owner", "other", "staff")
NO_ID = 999_999

# fmt: off
READS: dict[str, tuple[str, dict[str, Any]]] = {
    "a product": ("GetProduct", {"id": "tea"}),
    "a missing product": ("GetProduct", {"id": NO_ID}),
    "no product": ("GetProduct", {}),
    "products": ("ListProducts", {}),
    "a page of products": ("ListProducts", {"page": 2, "page_size": 1, "sort_by": "price"}),
    "products found": ("ListProducts", {"q": "TE", "min_price": 1, "in_stock": True}),
    "products in no order": ("ListProducts", {"sort_by": "colour"}),
    "a page before the first": ("ListProducts", {"page": -1}),
    "an order": ("GetOrder", {"id": "order"}),
    "a missing order": ("GetOrder", {"id": NO_ID}),
    "orders": ("ListOrders", {}),
    "orders in a status": ("ListOrders", {"status": "pending"}),
    "orders in no status": ("ListOrders", {"status": "lost"}),
    "a user's orders": ("ListUserOrders", {"user_id": "owner"}),
    "a user": ("GetUser", {"id": "owner"}),
    "oneself": ("GetMe", {}),
    "users": ("ListUsers", {}),
}
REFUSALS: dict[str, tuple[str, dict[str, Any]]] = {
    "create badly": ("CreateProduct", {"name": "", "price": -1, "stock": -1}),
    "create with a taken sku": ("CreateProduct", {"name": "Tea", "price": 1, "sku": "tea"}),
    "update a missing product": ("UpdateProduct", {"id": NO_ID, "stock": 1}),
    "update a version that is gone": ("UpdateProduct", {"id": "tea", "stock": 1, "expected_version": 9}),
    "delete a missing product": ("DeleteProduct", {"id": NO_ID}),
    "order too much": ("PlaceOrder", {"items": [{"product_id": "tea", "quantity": 1_000}]}),
    "order nothing": ("PlaceOrder", {}),
    "deliver what was not shipped": ("DeliverOrder", {"id": "order"}),
    "register badly": ("RegisterUser", {"username": "owner", "email": "x", "password": "1"}),
    "sign in wrongly": ("ObtainToken", {"username": "owner", "password": "wrong"}),
    "refresh by what is no token": ("RefreshToken", {"refresh": "x"}),
}
# fmt: on


@pytest.fixture(scope="module")
def shop(web_shop) -> WebShop:
    with web_shop.database():
        tea = make_product(name="Tea", description="Grün", price="9.50", stock=3, sku="TEA")
        make_product(name="Pot", price=20, stock=0)
        for name in ROLES[1:3]:
            make_user(username=name)
        make_staff(username="staff")
        make_order(User.objects.get(username="owner"), {tea: 2})
    return web_shop


@pytest.fixture(scope="module")
def tokens(shop) -> dict[str, str | None]:
    with shop.database():
        return {role: access_token(User.objects.get(username=role)) if role else None for role in ROLES}


@pytest.fixture(scope="module")
def ids(shop) -> dict[str, int]:
    with shop.database():
        return {
            "tea": Product.objects.get(sku="TEA").pk,
            "order": Order.objects.get().pk,
            "owner": User.objects.get(username="owner").pk,
        }


def filled(value: Any, ids: dict[str, int]) -> Any:
    """Put ids in the place of their names."""
    if isinstance(value, dict):
        return {
            name: ids.get(inner, inner) if "id" in name.split("_") else filled(inner, ids)
            for name, inner in value.items()
        }
    return [filled(inner, ids) for inner in value] if isinstance(value, list) else value


def outcome(client: Client | WebClient, name: str, fields: dict[str, Any]) -> Any:
    """Return the message, or the refusal without the request id, which no two share."""
    try:
        return client.call(name, **fields)
    except grpc.RpcError as error:
        return refusal_in(error)._replace(request_id="")
    except Refused as refused:
        return refused.args[0]._replace(request_id="")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("ask", [*READS, *REFUSALS])
def test_every_way_answers_as_grpc_does(shop, tokens, ids, ask, role):
    name, fields = (READS | REFUSALS)[ask]
    fields = filled(fields, ids)

    expected = outcome(shop.client(token=tokens[role]), name, fields)

    answers = {way: outcome(WebClient(shop.web.url, token=tokens[role], way=way), name, fields) for way in WAYS}
    assert answers == dict.fromkeys(WAYS, expected)
    assert ask in READS or expected.reason


def test_order_begun_over_grpc_is_the_same_when_it_is_sent_again_over_the_web(shop, tokens, ids):
    key = {"idempotency-key": "one-order-over-all-ways"}
    items = [{"product_id": ids["tea"], "quantity": 1}]

    begun = shop.client(token=tokens["owner"]).call("PlaceOrder", items=items, metadata=key)
    again = [shop.caller("owner", way=way).call("PlaceOrder", items=items, metadata=key) for way in WAYS]

    assert again == [begun] * len(WAYS)
    with shop.database():
        Order.objects.get(pk=begun.order.id).delete()
        assert Product.objects.get(pk=ids["tea"]).stock == 0
