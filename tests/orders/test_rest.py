"""Orders over REST v1."""

from decimal import Decimal

import pytest

from catalog.models import Product
from core.models import IdempotencyRecord
from orders.models import Order
from orders.transitions import VERBS
from tests.support.api import Api, errors_of
from tests.support.factories import make_order, make_product, make_staff, make_user

pytestmark = pytest.mark.django_db


def basket(*lines: tuple[Product, int]) -> dict:
    return {"items": [{"product_id": product.pk, "quantity": units} for product, units in lines]}


def test_order_is_placed_with_the_products_as_they_are():
    user, tea = make_user(), make_product(name="Tea", price=Decimal("2.50"), sku="TEA", stock=10)
    pot = make_product(name="Pot", price=20, stock=1)

    response = Api(user).post("/orders", basket((pot, 1), (tea, 1), (tea, 2)))

    order = Order.objects.get()
    url = f"http://testserver/api/v1/orders/{order.pk}"
    body = dict(response.json())
    assert (response.status_code, response["Location"]) == (201, url)
    assert body.pop("created_at").endswith("Z")
    assert body == {
        "id": order.pk,
        "number": order.number,
        "user_id": user.pk,
        "status": "pending",
        "total": 27.5,
        "version": 1,
        "carrier": None,
        "tracking_number": None,
        "items": [
            {"product_id": tea.pk, "sku": "TEA", "name": "Tea", "unit_price": 2.5, "quantity": 3, "line_total": 7.5},
            {"product_id": pot.pk, "sku": None, "name": "Pot", "unit_price": 20.0, "quantity": 1, "line_total": 20.0},
        ],
        "_links": {"self": url, "cancel": f"{url}/cancel"},
    }
    assert list(Product.objects.order_by("pk").values_list("stock", flat=True)) == [7, 0]
    assert Api(user).get(url).json() == response.json()


def test_order_is_readable_after_its_product_is_gone():
    user, product = make_user(), make_product(name="Tea", sku="TEA")
    order, product_id = make_order(user, {product: 1}), product.pk
    Api(make_staff()).delete(f"/products/{product_id}")

    item = Api(user).get(f"/orders/{order.pk}").json()["items"][0]

    assert (item["product_id"], item["name"], item["sku"], item["unit_price"]) == (product_id, "Tea", "TEA", 9.99)


def test_order_keeps_its_etag_when_its_product_is_gone():
    user, product = make_user(), make_product()
    order = make_order(user, {product: 1})
    tag = Api(user).get(f"/orders/{order.pk}")["ETag"]
    product.delete()

    assert Api(user).get(f"/orders/{order.pk}", If_None_Match=tag).status_code == 304

    Order.objects.filter(pk=order.pk).update(status="paid")
    assert Api(user).get(f"/orders/{order.pk}", If_None_Match=tag).status_code == 200


def test_more_than_there_is_is_refused_and_takes_nothing():
    plenty, short = make_product(stock=10), make_product(stock=2)

    response = Api(make_user()).post("/orders", basket((plenty, 1), (short, 3)))

    assert response.status_code == 409
    assert errors_of(response) == {
        "error": f"Product {short.pk} has 2 left",
        "code": "out_of_stock",
        "details": {"units_left": {str(short.pk): 2}},
    }
    assert list(Product.objects.order_by("pk").values_list("stock", "version")) == [(10, 1), (2, 1)]
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"items": "Items is required"}),
        ({"items": None}, {"items": "Items is required"}),
        ({"items": []}, {"items": "Items must not be empty"}),
        ({"items": [{"product_id": 1, "quantity": 1}] * 501}, {"items": "Items has at most 500 entries"}),
        (
            {"items": [{}]},
            {"items[0].product_id": "Valid product id is required", "items[0].quantity": "Valid quantity is required"},
        ),
        ({"items": [{"product_id": 1, "quantity": 0}]}, {"items[0].quantity": "Valid quantity is required"}),
        ({"items": [{"product_id": 1, "quantity": -1}]}, {"items[0].quantity": "Valid quantity is required"}),
        ({"items": [{"product_id": 1, "quantity": 1.5}]}, {"items[0].quantity": "Valid quantity is required"}),
        ({"items": [{"product_id": 999999, "quantity": 1}]}, {"items": "Product 999999 does not exist"}),
        (
            {"items": [{"product_id": 2**31, "quantity": 1}]},
            {"items[0].product_id": "Valid product id is required: at most 2147483647"},
        ),
    ],
)
def test_invalid_basket_is_refused(body, errors):
    response = Api(make_user()).post("/orders", body)

    assert response.status_code == 400
    assert errors_of(response)["errors"] == errors
    assert not Order.objects.exists()


def test_total_beyond_what_an_order_holds_is_refused():
    product = make_product(price=Decimal("9999999999.99"), stock=2**31 - 1)

    response = Api(make_user()).post("/orders", basket((product, 2**31 - 1)))

    assert (response.status_code, response.json()["code"]) == (400, "invalid_input")
    product.refresh_from_db()
    assert product.stock == 2**31 - 1


def test_replay_gives_the_same_status_location_and_body():
    user, product, staff = make_user(), make_product(stock=10), Api(make_staff())
    body = basket((product, 2))
    first = Api(user).post("/orders", body, Idempotency_Key="k-1")
    staff.post(f"/orders/{first.json()['id']}/pay")
    product.delete()

    again = Api(user).post("/orders", body, Idempotency_Key="k-1")

    assert (again.status_code, again["Location"], again.json()) == (201, first["Location"], first.json())
    assert Order.objects.count() == 1


def test_replay_by_another_version_or_format_is_the_same_order_in_its_own_form():
    user, product = make_user(), make_product(price=Decimal("2.50"), stock=10)
    body = basket((product, 2))
    first = Api(user).post("/orders", body, Idempotency_Key="k-1").json()

    second = Api(user, "/api/v2").post("/orders", body, Idempotency_Key="k-1")
    in_xml = Api(user, "/api/v2").post("/orders", body, Idempotency_Key="k-1", Accept="application/xml")

    money = {"amount": "5.00", "currency": "USD"}
    assert (second.status_code, second.json()["number"], second.json()["total"]) == (201, first["number"], money)
    assert second["Location"] == f"http://testserver/api/v2/orders/{first['id']}"
    assert f"<number>{first['number']}</number>".encode() in in_xml.content
    assert Order.objects.count() == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
def test_key_that_is_none_is_refused(key):
    response = Api(make_user()).post("/orders", basket((make_product(), 1)), Idempotency_Key=key)

    assert (response.status_code, response.json()["code"]) == (400, "invalid_input")
    assert not IdempotencyRecord.objects.exists()


def test_anothers_order_is_answered_like_a_missing_one():
    order, other = make_order(), Api(make_user())
    paths = ["", *(f"/{verb}" for verb in VERBS)]

    for tail in paths:
        method = "post" if tail else "get"
        hidden = other.send(method, f"/orders/{order.pk}{tail}", X_Request_ID="same-request")
        missing = other.send(method, f"/orders/999999{tail}", X_Request_ID="same-request")
        assert (hidden.status_code, hidden.content) == (404, missing.content)
        assert hidden.json()["error"] == "Resource not found"
    order.refresh_from_db()
    assert (order.status, order.version) == ("pending", 1)


def test_list_has_ones_own_orders_and_staff_sees_all():
    user = make_user()
    mine, others = make_order(user), make_order()

    def ids(api: Api) -> list[int]:
        return [order["id"] for order in api.get("/orders").json()["orders"]]

    assert ids(Api(user)) == [mine.pk]
    assert ids(Api(make_staff())) == [others.pk, mine.pk]


@pytest.mark.parametrize("rows", [1, 10, 50])
def test_list_takes_four_statements_however_long(rows, unlimited, django_assert_num_queries):
    user, products = make_user(), {make_product(stock=1000): 1, make_product(stock=1000): 2}
    for _ in range(rows):
        make_order(user, products)
    api = Api(user)

    with django_assert_num_queries(4):  # the caller, the orders, their number, their lines
        assert len(api.get(f"/orders?per_page={rows}").json()["orders"]) == rows


def test_users_orders_are_listed_for_that_user_and_staff():
    user = make_user()
    order = make_order(user)
    expected = {
        "user_id": user.pk,
        "orders": [
            {"id": order.pk, "total": 9.99, "status": "pending", "url": f"http://testserver/api/v1/orders/{order.pk}"}
        ],
        "pagination": {"page": 1, "per_page": 20, "total": 1, "pages": 1, "next": None, "prev": None},
    }

    assert Api(user).get(f"/users/{user.pk}/orders").json() == expected
    assert Api(make_staff()).get(f"/users/{user.pk}/orders").json() == expected
    assert Api(make_user()).get(f"/users/{user.pk}/orders").status_code == 404
    assert Api().get(f"/users/{user.pk}/orders").status_code == 401


@pytest.mark.parametrize("rows", [1, 25])
def test_users_orders_take_four_statements_however_many(rows, unlimited, django_assert_num_queries):
    user, product = make_user(), make_product(stock=100)
    for _ in range(rows):
        make_order(user, {product: 1})
    api = Api(user)

    with django_assert_num_queries(4):  # the caller, the user, the orders, their number
        assert len(api.get(f"/users/{user.pk}/orders?per_page={rows}").json()["orders"]) == rows


def test_an_order_goes_its_way():
    user, staff, product = make_user(), Api(make_staff()), make_product(stock=3)
    path = f"/orders/{make_order(user, {product: 2}).pk}"

    moves = [staff.post(f"{path}/{verb}") for verb in ("pay", "ship", "deliver", "refund")]

    assert [move.status_code for move in moves] == [200] * 4
    assert [move.json()["status"] for move in moves] == ["paid", "shipped", "delivered", "refunded"]
    assert [move.json()["version"] for move in moves] == [2, 3, 4, 5]
    product.refresh_from_db()
    assert product.stock == 1


def test_owner_cancels_and_the_stock_comes_back_once():
    user, product = make_user(), make_product(stock=3)
    path = f"/orders/{make_order(user, {product: 2}).pk}/cancel"

    first, second = Api(user).post(path), Api(user).post(path)

    assert (first.status_code, first.json()["status"]) == (200, "cancelled")
    assert (second.status_code, second.json()["code"]) == (409, "invalid_transition")
    product.refresh_from_db()
    assert product.stock == 3
