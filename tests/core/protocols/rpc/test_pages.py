"""Pages of gRPC's lists are no longer than a client takes that nobody has set up: real servers, default clients."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from accounts.models import User
from catalog.models import Product
from orders.models import Order, OrderItem
from tests.support.connect import WebShop
from tests.support.factories import make_product, make_user
from tests.support.rpc import Clients, refusal_in

CLIENT_TAKES_BYTES = 4 * 1024 * 1024
TOO_LONG = "too_large"


@pytest.fixture(scope="module")
def shop(web_shop: WebShop) -> WebShop:
    """70 products of 80 KB each, and a buyer's 60 orders of 500 lines each."""
    with web_shop.database():
        buyer = make_user(username="buyer")
        Product.objects.bulk_create(
            Product(name=f"Product {n}", price=1 + n % 7, description="\U0001f375" * 20_000) for n in range(70)
        )
        orders = Order.objects.bulk_create(Order(number=f"N{n}", user=buyer, total=500) for n in range(60))
        line: dict[str, Any] = {"name": "x" * 200, "unit_price": 1, "quantity": 1, "line_total": 1}
        OrderItem.objects.bulk_create((OrderItem(order=order, **line) for order in orders for _ in range(500)), 2_000)
    return web_shop


def pages(client: Any, method: str, **asked: Any) -> Iterator[Any]:
    """Yield every answer, following `next_cursor` as the .proto files say."""
    cursor: str | None = ""
    while cursor is not None:
        answer = client.call(method, cursor=cursor, **asked)
        yield answer
        cursor = answer.next_cursor or None


def callers(shop: WebShop) -> list[Any]:
    """Return a client of gRPC with grpcio's defaults, and one of gRPC-Web."""
    with shop.database():
        native = shop.client(User.objects.get(username="buyer"))
    return [native, shop.caller("buyer", way="gRPC-Web")]


@pytest.mark.parametrize("sort_by", ["", "price", "-name", "id"])
def test_every_long_product_comes_once_by_cursor(shop: WebShop, sort_by: str) -> None:
    for client in callers(shop):
        answers = list(pages(client, "ListProducts", page_size=100, sort_by=sort_by))

        ids = [product.id for answer in answers for product in answer.products]
        assert (len(ids), len(set(ids))) == (70, 70)
        assert [len(answer.products) for answer in answers] == [52, 18]
        assert max(answer.ByteSize() for answer in answers) <= CLIENT_TAKES_BYTES
        assert {answer.total for answer in answers} == {70}


def test_every_long_order_comes_once_by_cursor(shop: WebShop) -> None:
    with shop.database():
        buyer = User.objects.get(username="buyer").pk
    for client in callers(shop):
        for method, asked in (("ListOrders", {}), ("ListUserOrders", {"user_id": buyer})):
            answers = list(pages(client, method, page_size=60, **asked))

            orders = [order for answer in answers for order in answer.orders]
            assert len(answers) == 2
            assert len({order.id for order in orders}) == len(orders) == 60
            assert {len(order.items) for order in orders} == {500}
            assert max(answer.ByteSize() for answer in answers) <= CLIENT_TAKES_BYTES


@pytest.mark.parametrize(
    ("method", "fields"), [("ListProducts", {}), ("ListOrders", {}), ("ListUserOrders", {"user_id": 1})]
)
def test_numbered_page_that_is_too_long_is_refused_with_the_way_out(shop: WebShop, method: str, fields: dict) -> None:
    with shop.database():
        fields = dict.fromkeys(fields, User.objects.get(username="buyer").pk)
        client = shop.client(User.objects.get(username="buyer"))

    with pytest.raises(grpc.RpcError) as refused:
        client.call(method, page_size=100, **fields)

    refusal = refusal_in(refused.value)
    assert (refusal.code, refusal.reason) == ("RESOURCE_EXHAUSTED", TOO_LONG)
    assert refusal.message.endswith("max is 4194304: use a smaller page_size or a cursor")
    numbered = [client.call(method, page=page, page_size=30, **fields) for page in (1, 2, 3)]
    assert [answer.next_cursor for answer in numbered] == ["", "", ""]
    rows = [row.id for answer in numbered for row in getattr(answer, answer.DESCRIPTOR.fields_by_number[1].name)]
    assert len(rows) == len(set(rows)) == numbered[0].total


# -- Cursors ----------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_rows_that_come_and_go_move_no_other_row(rpc: Clients) -> None:
    made = [make_product(name=f"{n}") for n in range(6)]
    client = rpc()

    seen = []
    for answer in pages(client, "ListProducts", page_size=2, sort_by="id"):
        seen += [product.id for product in answer.products]
        if len(seen) == 2:
            made[0].delete()
            late = make_product()

    assert seen == [product.pk or seen[0] for product in made] + [late.pk]


@pytest.mark.django_db
def test_last_page_has_no_cursor_and_an_empty_list_one_page(rpc: Clients) -> None:
    assert [(len(answer.products), answer.next_cursor) for answer in pages(rpc(), "ListProducts")] == [(0, "")]

    make_product()
    make_product()

    sizes = [len(answer.products) for answer in pages(rpc(), "ListProducts", page_size=1)]
    assert sizes == [1, 1]


@pytest.mark.django_db
def test_cursor_of_another_list_is_refused(rpc: Clients) -> None:
    for _ in range(3):
        make_product(name="Tea")
    cursor = rpc().call("ListProducts", cursor="", page_size=1, q="tea").next_cursor

    strange = [{}, {"q": "te"}, {"q": "tea", "sort_by": "price"}, {"q": "tea", "max_price": 99}]
    refusals = [rpc().refusal("ListProducts", cursor=cursor, **asked) for asked in strange]
    refusals += [rpc().refusal("ListProducts", cursor=text, q="tea") for text in ("x", cursor[:-1], f"x{cursor}", ".")]

    text = "cursor does not match this list, its filters and its order"
    assert [refusal.fields for refusal in refusals] == [{"cursor": text}] * len(refusals)
    assert rpc().call("ListProducts", cursor=cursor, q="tea", page_size=100).products


@pytest.mark.django_db
def test_page_and_cursor_exclude_each_other(rpc: Clients) -> None:
    refusal = rpc().refusal("ListProducts", cursor="", page=1)

    assert refusal.fields == {"page": "page and cursor can't both be given"}


@pytest.mark.django_db
def test_negative_page_is_refused_by_the_rule_that_holds(rpc: Clients) -> None:
    refusal = rpc().refusal("ListProducts", page=-1, page_size=-1)

    assert refusal.fields == {"page": "page must not be negative", "page_size": "page_size must not be negative"}
    assert rpc().call("ListProducts", page=0, page_size=0).page == 1
