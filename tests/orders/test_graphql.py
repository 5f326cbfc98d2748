"""Orders over GraphQL."""

from decimal import Decimal

import pytest

from catalog.models import Product
from orders.models import Order
from orders.transitions import VERBS
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.graph import Graph, global_id, nodes, statements

pytestmark = pytest.mark.django_db

ORDER = """query($id: Int) { order(id: $id) {
  id pk number userId status total version createdAt user { pk }
  items { id pk sku name unitPrice quantity lineTotal productId product { pk } }
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
                "productId": tea.pk,
                "product": {"pk": tea.pk},
            }
        ],
    }

    assert Graph(user).data(ORDER, id=order.pk) == {"order": expected}
    assert Graph(make_staff()).data(ORDER, id=order.pk) == {"order": expected}


def test_order_keeps_what_it_copied_after_its_product_is_gone():
    user, tea = make_user(), make_product(name="Tea", sku="TEA")
    order, tea_id = make_order(user, {tea: 1}), tea.pk
    tea.delete()

    (item,) = Graph(user).data(ORDER, id=order.pk)["order"]["items"]

    assert item["productId"] == tea_id
    assert (item["product"], item["name"], item["sku"], item["unitPrice"]) == (None, "Tea", "TEA", 9.99)


def test_guests_order_has_no_user():
    order = make_order()
    Order.objects.filter(pk=order.pk).update(user=None)

    found = Graph(make_staff()).data(ORDER, id=order.pk)["order"]

    assert (found["userId"], found["user"]) == (None, None)
    assert Graph(make_user()).code(ORDER, id=order.pk) == "NOT_FOUND"


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


def test_plain_list_of_orders_has_the_newest_thousand():
    user = make_user()
    orders = Order.objects.bulk_create(Order(number=f"{n}", user=user, total=1) for n in range(1_001))

    found = Graph(user).data("{ me { orders { pk } ordersConnection(first: 0) { totalCount } } }")["me"]

    assert [order["pk"] for order in found["orders"]] == [order.pk for order in orders[:0:-1]]
    assert found["ordersConnection"]["totalCount"] == 1_001


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
        ({"after": "x"}, "after does not match this list, its filters and its order"),
    ],
)
def test_bad_page_of_orders_is_refused(variables, message):
    error = Graph(make_user()).error(PAGES, **variables)

    assert error == {"message": message, "code": "INVALID_INPUT", "fields": {list(variables)[-1]: message}}


def test_user_without_orders_has_an_empty_page():
    page = Graph(make_user()).data(PAGES)["me"]["ordersConnection"]

    assert page == {
        "totalCount": 0,
        "edges": [],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None},
    }


# -- Placing ----------------------------------------------------------------------------------------------------


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


def test_replay_gives_the_first_answer_whatever_became_of_the_order():
    user, products = make_user(), [make_product() for _ in range(3)]
    items = basket(*((product, 1) for product in products))
    first = Graph(user).data(PLACE, items=items, key="k-1")
    Graph(make_staff()).data(move("pay"), id=first["placeOrder"]["order"]["pk"])
    ids = [product.pk for product in products]
    products[0].delete()

    again = Graph(user).data(PLACE, items=items, key="k-1")
    with_products = PLACE.replace("quantity }", "productId product { pk } }")
    seen = Graph(user).data(with_products, items=items, key="k-1")["placeOrder"]["order"]["items"]

    assert again == first
    assert [item["product"] for item in seen] == [None, {"pk": ids[1]}, {"pk": ids[2]}]
    assert [item["productId"] for item in seen] == ids
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


@pytest.mark.parametrize("verb", VERBS)
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
