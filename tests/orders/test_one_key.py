"""An Idempotency-Key is one key in every protocol: real servers, one of gRPC and two of HTTP, on one database."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple
from uuid import uuid4
from xml.etree import ElementTree

import grpc
import httpx
import pytest

from accounts.models import User
from catalog.models import Product
from orders.models import Order
from tests.support.api import access_token
from tests.support.factories import make_product, make_user
from tests.support.live import Shop
from tests.support.rpc import GrpcShop, refusal_in
from tests.support.threads import at_once

BUSY = "in_progress"
PLACE = (
    "mutation($items: [OrderItemInput!]!, $key: String)"
    " { placeOrder(items: $items, idempotencyKey: $key) { order { pk number total } } }"
)


class Placed(NamedTuple):
    """What every protocol says of an order, or the code of its refusal."""

    pk: int = 0
    number: str = ""
    total: float = 0
    code: str = ""


Door = Callable[[int, str], Placed]  # places an order for so many units, by that key


@pytest.fixture(scope="module")
def shop(grpc_shops) -> GrpcShop:
    shop = grpc_shops()
    shop.start(processes=2)
    return shop


@pytest.fixture
def user(shop: Shop) -> User:
    with shop.database():
        return make_user()


@pytest.fixture
def product(shop: Shop) -> Product:
    with shop.database():
        return make_product(price="2.50", stock=1_000)


@pytest.fixture
def doors(shop: GrpcShop, user: User, product: Product) -> Mapping[str, Door]:
    with shop.database():
        token = access_token(user)
        client = shop.client(user)
    first, second = (server.url for server in shop.servers[1:])
    headers = {"Authorization": f"Bearer {token}"}
    return {
        "gRPC": over_grpc(client, product.pk),
        "REST": over_rest(f"{first}/api/v1/orders", headers, product.pk, lambda body: body["total"]),
        "REST v2": over_rest(f"{second}/api/v2/orders", headers, product.pk, lambda body: body["total"]["amount"]),
        "XML": over_xml(f"{first}/api/v1/orders", headers, product.pk),
        "GraphQL": over_graphql(f"{second}/graphql", headers, product.pk),
    }


def over_grpc(client, pk: int) -> Door:
    def place(units: int, key: str) -> Placed:
        items = [{"product_id": pk, "quantity": units}]
        try:
            order = client.call("PlaceOrder", items=items, metadata={"idempotency-key": key}).order
        except grpc.RpcError as error:
            return Placed(code=refusal_in(error).reason)
        return Placed(order.id, order.number, order.total)

    return place


def over_rest(url: str, headers: dict[str, str], pk: int, total_in: Callable) -> Door:
    def place(units: int, key: str) -> Placed:
        body = {"items": [{"product_id": pk, "quantity": units}]}
        answer = httpx.post(url, json=body, headers=headers | {"Idempotency-Key": key}, timeout=60)
        found = answer.json()
        if answer.status_code != 201:
            return Placed(code=found["code"])
        assert answer.headers["location"] == f"{url}/{found['id']}"
        return Placed(found["id"], found["number"], float(total_in(found)))

    return place


def over_xml(url: str, headers: dict[str, str], pk: int) -> Door:
    sent = headers | {"Content-Type": "application/xml", "Accept": "application/xml"}

    def place(units: int, key: str) -> Placed:
        body = f"<o><items><item><product_id>{pk}</product_id><quantity>{units}</quantity></item></items></o>"
        answer = httpx.post(url, content=body, headers=sent | {"Idempotency-Key": key}, timeout=60)
        root = ElementTree.fromstring(answer.content)
        if answer.status_code != 201:
            return Placed(code=root.findtext("code", ""))
        return Placed(int(root.findtext("id", "")), root.findtext("number", ""), float(root.findtext("total", "")))

    return place


def over_graphql(url: str, headers: dict[str, str], pk: int) -> Door:
    def place(units: int, key: str) -> Placed:
        variables = {"items": [{"productId": pk, "quantity": units}], "key": key}
        answer = httpx.post(url, json={"query": PLACE, "variables": variables}, headers=headers, timeout=60).json()
        if "errors" in answer:
            return Placed(code=answer["errors"][0]["extensions"]["code"].lower())
        order = answer["data"]["placeOrder"]["order"]
        return Placed(order["pk"], order["number"], order["total"])

    return place


@pytest.mark.parametrize("first", ["gRPC", "REST", "REST v2", "XML", "GraphQL"])
def test_order_begun_by_one_protocol_is_the_same_order_in_every_other(first, shop, user, product, doors):
    key = uuid4().hex

    begun = doors[first](3, key)
    retried = {name: place(3, key) for name, place in doors.items()}

    assert begun == Placed(begun.pk, begun.number, 7.5)
    assert retried == dict.fromkeys(doors, begun)
    with shop.database():
        assert Order.objects.filter(user=user).count() == 1
        assert Product.objects.get(pk=product.pk).stock == 997


@pytest.mark.parametrize("first", ["gRPC", "REST v2"])
def test_key_used_with_other_input_is_refused_by_every_protocol(first, shop, user, doors):
    key = uuid4().hex
    doors[first](1, key)

    retried = {name: place(2, key) for name, place in doors.items()}

    assert retried == dict.fromkeys(doors, Placed(code="idempotency_mismatch"))
    with shop.database():
        assert Order.objects.filter(user=user).count() == 1


def test_all_protocols_at_once_make_one_order_a_key(shop, user, product, doors):
    keys = [uuid4().hex for _ in range(6)]

    for key in keys:
        answers = at_once(*[partial(place, 2, key) for place in doors.values() for _ in range(2)])

        orders = {answer for answer in answers if answer.code != BUSY}  # a duplicate waits for 5 s, and no longer
        assert len(orders) == 1
        assert doors["GraphQL"](2, key) in orders
    with shop.database():
        assert Order.objects.filter(user=user).count() == 6
        assert Product.objects.get(pk=product.pk).stock == 1_000 - 12
