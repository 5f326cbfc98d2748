"""Orders over GraphQL."""

from decimal import Decimal

import pytest

from catalog.models import Product
from ecommerce.models import IdempotencyRecord
from orders.models import Order
from orders.transitions import MOVES
from tests.api import Api
from tests.factories import make_order, make_product, make_staff, make_user
from tests.graph import Graph, global_id, nodes, statements

pytestmark = pytest.mark.django_db

ORDER = """query($id: Int) { order(id: $id) {
  id pk number userId status total version createdAt user { pk }
  items { id pk sku name unitPrice quantity lineTotal product { pk } }
} }"""
PLACE = """mutation($items: [OrderItemInput!]!, $key: String) {
  placeOrder(items: $items, idempotencyKey: $key) { ok order { pk number status total version items { quantity } } }
}"""
PAGES = """query($first: Int, $last: Int, $after: String, $before: String) { me {
  ordersConnection(first: $first, last: $last, after: $after, before: $before) {
    totalCount edges { node { pk } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
} }"""


def move(verb: str) -> str:
    return f"mutation($id: Int!) {{ {verb}Order(id: $id) {{ ok order {{ status version }} }} }}"


def basket(*lines: tuple[Product, int]) -> list[dict]:
    return [{"productId": product.pk, "quantity": units} for product, units in lines]


# -- Reading ----------------------------------------------------------------------------------------------------
def test_order_shows_every_field_to_its_owner_and_staff():
    user, tea = make_user(), make_product(name="Tea", price=Decimal("2.50"), sku="TEA")
    order = make_order(user, {tea: 3})
    item = order.items.get()
    expected = {
        "id": global_id(order),
        "pk": order.pk,
        "number": order.number,
        "userId": user.pk,
        "status": "PENDING",
        "total": 7.5,
        "version": 1,
        "createdAt": order.created_at.isoformat().replace("+00:00", "Z"),
        "user": {"pk": user.pk},
        "items": [
            {
                "id": global_id(item),
                "pk": item.pk,
                "sku": "TEA",
                "name": "Tea",
                "unitPrice": 2.5,
                "quantity": 3,
                "lineTotal": 7.5,
                "product": {"pk": tea.pk},
            }
        ],
    }

    assert Graph(user).data(ORDER, id=order.pk) == {"order": expected}
    assert Graph(make_staff()).data(ORDER, id=order.pk) == {"order": expected}


def test_order_keeps_what_it_copied_after_its_product_is_gone():
    user, tea = make_user(), make_product(name="Tea", sku="TEA")
    order = make_order(user, {tea: 1})
    tea.delete()

    (item,) = Graph(user).data(ORDER, id=order.pk)["order"]["items"]

    assert (item["product"], item["name"], item["sku"], item["unitPrice"]) == (None, "Tea", "TEA", 9.99)


def test_guests_order_has_no_user():
    order = make_order()
    Order.objects.filter(pk=order.pk).update(user=None)

    found = Graph(make_staff()).data(ORDER, id=order.pk)["order"]

    assert (found["userId"], found["user"]) == (None, None)
    assert Graph(make_user()).code(ORDER, id=order.pk) == "NOT_FOUND"


def test_anothers_order_is_answered_like_a_missing_one():
    order, graph = make_order(), Graph(make_user())

    for query in (ORDER, *map(move, MOVES)):
        hidden, missing = graph.error(query, id=order.pk), graph.error(query, id=999_999)
        assert hidden == {"message": f"Order {order.pk} not found", "code": "NOT_FOUND"}
        assert missing == {"message": "Order 999999 not found", "code": "NOT_FOUND"}
        assert list(graph.send(query, {"id": order.pk}).json()["data"].values()) == [None]
    order.refresh_from_db()
    assert (order.status, order.version) == ("pending", 1)


@pytest.mark.parametrize("query", ["{ order { pk } }", "{ order(id: null) { pk } }"])
def test_order_without_an_id_is_invalid(query):
    assert Graph(make_user()).error(query) == {"message": "id is required", "code": "INVALID_INPUT"}


def test_users_orders_come_newest_first_and_are_hidden_from_others():
    user = make_user()
    first, second = make_order(user), make_order(user)
    make_order()

    assert Graph(user).data("{ me { orders { pk } } }")["me"]["orders"] == [{"pk": second.pk}, {"pk": first.pk}]
    found = Graph(make_staff()).data("query($id: Int) { user(id: $id) { orders { pk } } }", id=user.pk)
    assert found["user"]["orders"] == [{"pk": second.pk}, {"pk": first.pk}]


def test_orders_by_pages_keep_their_place_while_orders_come_and_go():
    user = make_user()
    orders = [make_order(user) for _ in range(6)]
    ids = [order.pk for order in orders[::-1]]
    first = Graph(user).data(PAGES, first=2)["me"]["ordersConnection"]
    Order.objects.filter(pk__in=[ids[1], ids[2]]).delete()
    make_order(user)

    second = Graph(user).data(PAGES, first=2, after=first["pageInfo"]["endCursor"])["me"]["ordersConnection"]
    back = Graph(user).data(PAGES, last=2, before=second["pageInfo"]["endCursor"])["me"]["ordersConnection"]

    assert nodes(first, "pk") == ids[:2]
    assert nodes(second, "pk") == ids[3:5]
    assert nodes(back, "pk") == [ids[0], ids[3]]
    assert [page["pageInfo"]["hasNextPage"] for page in (first, second, back)] == [True, True, True]
    assert [page["pageInfo"]["hasPreviousPage"] for page in (first, second, back)] == [False, True, True]
    assert (first["totalCount"], second["totalCount"]) == (6, 5)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"first": 101}, "first max is 100"),
        ({"last": -1}, "last must not be negative"),
        ({"first": 1, "last": 1}, "first and last can't both be given"),
        ({"after": "x"}, "after is no cursor of this list in this order"),
    ],
)
def test_bad_page_of_orders_is_refused(variables, message):
    assert Graph(make_user()).error(PAGES, **variables) == {"message": message, "code": "INVALID_INPUT"}


def test_user_without_orders_has_an_empty_page():
    page = Graph(make_user()).data(PAGES)["me"]["ordersConnection"]

    assert page == {
        "totalCount": 0,
        "edges": [],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
    }


# -- Placing ----------------------------------------------------------------------------------------------------
def test_order_is_placed_as_in_rest():
    user, tea, pot = make_user(), make_product(price=Decimal("2.50"), stock=10), make_product(price=20, stock=1)

    found = Graph(user).data(PLACE, items=basket((pot, 1), (tea, 1), (tea, 2)))["placeOrder"]

    order = Order.objects.get()
    assert found == {
        "ok": True,
        "order": {
            "pk": order.pk,
            "number": order.number,
            "status": "PENDING",
            "total": 27.5,
            "version": 1,
            "items": [{"quantity": 3}, {"quantity": 1}],
        },
    }
    assert order.user == user
    assert list(Product.objects.order_by("pk").values_list("stock", flat=True)) == [7, 0]


def test_more_than_there_is_is_refused_and_takes_nothing():
    plenty, short = make_product(stock=10), make_product(stock=2)

    response = Graph(make_user()).send(PLACE, {"items": basket((plenty, 1), (short, 3))})

    assert response.json()["data"] == {"placeOrder": None}
    assert Graph(make_user()).error(PLACE, items=basket((plenty, 1), (short, 3))) == {
        "message": f"Product {short.pk} has 2 left",
        "code": "OUT_OF_STOCK",
        "details": {"units_left": {str(short.pk): 2}},
    }
    assert list(Product.objects.order_by("pk").values_list("stock", "version")) == [(10, 1), (2, 1)]
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("items", "fields"),
    [
        ([], {"items": "Items must not be empty"}),
        ([{"productId": 1, "quantity": 0}], {"items[0].quantity": "Valid quantity is required"}),
        (
            [{"productId": 1, "quantity": 1}, {"productId": 0, "quantity": -1}],
            {"items[1].productId": "Valid product id is required", "items[1].quantity": "Valid quantity is required"},
        ),
        ([{"productId": 999_999, "quantity": 1}], {"items": "Product 999999 does not exist"}),
    ],
)
def test_invalid_basket_is_refused(items, fields):
    error = Graph(make_user()).error(PLACE, items=items)

    assert error == {"message": "; ".join(fields.values()), "code": "INVALID_INPUT", "fields": fields}
    assert not Order.objects.exists()


def test_stranger_may_not_order():
    product = make_product()

    assert Graph().code(PLACE, items=basket((product, 1))) == "UNAUTHENTICATED"
    assert Graph().code(PLACE, items=[]) == "UNAUTHENTICATED"
    assert not Order.objects.exists()


@pytest.mark.parametrize("rest_first", [True, False])
def test_idempotency_key_is_one_with_rest(rest_first):
    user, product = make_user(), make_product(stock=10)

    def over_rest() -> int:
        body = {"items": [{"product_id": product.pk, "quantity": 2}]}
        return Api(user).post("/orders", body, Idempotency_Key="k-1").json()["id"]

    def over_graphql() -> int:
        return Graph(user).data(PLACE, items=basket((product, 2)), key="k-1")["placeOrder"]["order"]["pk"]

    ids = [over_rest(), over_graphql()] if rest_first else [over_graphql(), over_rest()]

    assert ids == [Order.objects.get().pk] * 2
    product.refresh_from_db()
    assert product.stock == 8


def test_replay_gives_the_first_answer_whatever_became_of_the_order():
    user, products = make_user(), [make_product() for _ in range(3)]
    items = basket(*((product, 1) for product in products))
    first = Graph(user).data(PLACE, items=items, key="k-1")
    Graph(make_staff()).data(move("pay"), id=first["placeOrder"]["order"]["pk"])
    products[0].delete()

    again = Graph(user).data(PLACE, items=items, key="k-1")
    with_products = PLACE.replace("quantity }", "product { pk } }")
    seen = Graph(user).data(with_products, items=items, key="k-1")["placeOrder"]["order"]["items"]

    assert again == first
    assert [item["product"] for item in seen] == [None, {"pk": products[1].pk}, {"pk": products[2].pk}]
    assert Order.objects.count() == 1


def test_replay_loads_the_products_together(unlimited):
    user = make_user()
    place = PLACE.replace("quantity }", "product { name } }")
    counts = []
    for length in (1, 20):
        items = basket(*((make_product(), 1) for _ in range(length)))
        Graph(user).data(place, items=items, key=f"k-{length}")
        with statements() as sql:
            Graph(user).data(place, items=items, key=f"k-{length}")
        counts.append(len(sql))

    assert counts[0] == counts[1]


def test_key_used_with_other_input_is_refused():
    user, product = make_user(), make_product(stock=10)
    Graph(user).data(PLACE, items=basket((product, 2)), key="k-1")

    assert Graph(user).code(PLACE, items=basket((product, 3)), key="k-1") == "IDEMPOTENCY_MISMATCH"
    product.refresh_from_db()
    assert product.stock == 8


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "é", "\ud800"])
def test_key_that_is_none_is_refused(key):
    assert Graph(make_user()).code(PLACE, items=basket((make_product(), 1)), key=key) == "INVALID_INPUT"
    assert not IdempotencyRecord.objects.exists()


def test_what_one_mutation_shows_is_not_what_an_earlier_one_loaded():
    user, product = make_user(), make_product(stock=10)
    place = (
        "placeOrder(items: $items) { order { user { orders { pk } "
        "ordersConnection { totalCount edges { node { pk } } } } } }"
    )

    data = Graph(user).data(
        f"mutation($items: [OrderItemInput!]!) {{ a: {place} b: {place} }}", items=basket((product, 1))
    )

    ids = list(Order.objects.order_by("-pk").values_list("pk", flat=True))
    shown = [data[name]["order"]["user"] for name in "ab"]
    assert [[order["pk"] for order in one["orders"]] for one in shown] == [ids[1:], ids]
    assert [nodes(one["ordersConnection"], "pk") for one in shown] == [ids[1:], ids]
    assert [one["ordersConnection"]["totalCount"] for one in shown] == [1, 2]


# -- Moving -----------------------------------------------------------------------------------------------------
def test_an_order_goes_its_way():
    user, staff, product = make_user(), Graph(make_staff()), make_product(stock=3)
    order = make_order(user, {product: 2})

    moves = [staff.data(move(verb), id=order.pk)[f"{verb}Order"] for verb in ("pay", "ship", "deliver", "refund")]

    assert [moved["ok"] for moved in moves] == [True] * 4
    assert [moved["order"]["status"] for moved in moves] == ["PAID", "SHIPPED", "DELIVERED", "REFUNDED"]
    assert [moved["order"]["version"] for moved in moves] == [2, 3, 4, 5]
    product.refresh_from_db()
    assert product.stock == 1


def test_owner_cancels_and_the_stock_comes_back_once():
    user, product = make_user(), make_product(stock=3)
    order = make_order(user, {product: 2})

    first = Graph(user).data(move("cancel"), id=order.pk)["cancelOrder"]
    second = Graph(user).error(move("cancel"), id=order.pk)

    assert first == {"ok": True, "order": {"status": "CANCELLED", "version": 2}}
    assert second == {
        "message": f"Order {order.number} is cancelled: it can't be cancelled",
        "code": "INVALID_TRANSITION",
    }
    product.refresh_from_db()
    assert product.stock == 3


@pytest.mark.parametrize("verb", ["pay", "ship", "deliver", "refund"])
def test_owner_may_not_move_the_order_otherwise(verb):
    user = make_user()
    order = make_order(user)

    assert Graph(user).code(move(verb), id=order.pk) == "FORBIDDEN"
    assert Graph().code(move(verb), id=order.pk) == "UNAUTHENTICATED"
    order.refresh_from_db()
    assert order.status == "pending"


@pytest.mark.parametrize("verb", MOVES)
def test_unknown_order_is_an_error_and_not_merely_not_ok(verb):
    response = Graph(make_staff()).send(move(verb), {"id": 999_999})

    assert response.json()["data"] == {f"{verb}Order": None}
    assert response.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


@pytest.mark.parametrize("verb", MOVES)
def test_verb_without_an_id_is_invalid(verb):
    assert Graph(make_staff()).code(f"mutation {{ {verb}Order {{ ok }} }}") == "INVALID_INPUT"


def test_mutations_run_in_the_order_they_are_written():
    order = make_order()
    names = ("pay", "ship", "pay", "deliver")
    written = " ".join(f"m{n}: {verb}Order(id: {order.pk}) {{ order {{ status }} }}" for n, verb in enumerate(names))

    body = Graph(make_staff()).send(f"mutation {{ {written} }}").json()

    statuses = [found and found["order"]["status"] for found in body["data"].values()]
    assert statuses == ["PAID", "SHIPPED", None, "DELIVERED"]
    assert [(error["path"], error["extensions"]["code"]) for error in body["errors"]] == [
        (["m2"], "INVALID_TRANSITION")
    ]
