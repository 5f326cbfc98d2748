"""SQL statements of nested GraphQL queries: as many for a hundred rows as for one."""

from decimal import Decimal
from itertools import count

import pytest

from accounts.models import User
from catalog.models import Product
from core.databases import is_postgresql
from orders.models import Order, OrderItem
from tests.support.factories import make_staff
from tests.support.graph import Graph, global_id, statements

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unlimited")]
ORDERS_A_USER, LINES_AN_ORDER = 2, 2
_numbers = count(1)


def fill(users: int) -> None:
    """Add users with orders of lines of products, each user with products of their own."""
    names = [f"customer{next(_numbers)}" for _ in range(users)]
    people = User.objects.bulk_create(User(username=name, email=f"{name}@example.com") for name in names)
    products = Product.objects.bulk_create(Product(name=f"of {name}", price=1) for name in names)
    orders = Order.objects.bulk_create(
        Order(number=f"{user.username}-{n}", user=user, total=4) for user in people for n in range(ORDERS_A_USER)
    )
    product_of = dict(zip((user.pk for user in people), products, strict=True))
    OrderItem.objects.bulk_create(
        OrderItem(
            order=order, product=product_of[order.user_id], name="x", unit_price=1, quantity=2, line_total=Decimal(2)
        )
        for order in orders
        for _ in range(LINES_AN_ORDER)
    )


ITEMS = "items { quantity product { name } }"
# What is asked, and the statements it takes beside the look-up of the caller.
NESTINGS = {
    "allProducts": ("allProducts(first: $n) { edges { node { name price } } }", 1),
    "allProducts, totalCount": ("allProducts(first: $n) { totalCount edges { node { name } } }", 2),
    "searchProducts": (
        'searchProducts(query: "of") { name }',
        2 if is_postgresql() else 1,
    ),  # PostgreSQL is asked for its plan
    "allUsers": ("allUsers(last: $n) { edges { node { username } } }", 1),
    "allUsers, orders": ("allUsers(last: $n) { edges { node { orders { total } } } }", 2),
    "allUsers, orders, items": ("allUsers(last: $n) { edges { node { orders { items { quantity } } } } }", 3),
    "allUsers, orders, items, product": (f"allUsers(last: $n) {{ edges {{ node {{ orders {{ {ITEMS} }} }} }} }}", 4),
    "allUsers, ordersConnection": (
        "allUsers(last: $n) { edges { node { ordersConnection(first: 2) { edges { node { total } } } } } }",
        2,
    ),
    "allUsers, ordersConnection, totalCount": (
        "allUsers(last: $n) { edges { node { ordersConnection(first: 2) { totalCount edges { node { pk } } } } } }",
        3,
    ),
    "allUsers, ordersConnection, items, product": (
        "allUsers(last: $n) { edges { node { ordersConnection(first: 2) "
        f"{{ edges {{ node {{ {ITEMS} }} }} }} }} }} }}",
        4,
    ),
    "two pages of orders by alias, items, product": (
        "allUsers(last: $n) { edges { node { "
        f"newest: ordersConnection(first: 1) {{ edges {{ node {{ {ITEMS} }} }} }} "
        f"oldest: ordersConnection(last: 1) {{ edges {{ node {{ {ITEMS} }} }} }} }} }} }}",
        7,
    ),
    "the same relation by three aliases": (
        "allUsers(last: $n) { edges { node { a: orders { pk } b: orders { total } c: orders { items { name } } } } }",
        3,
    ),
    "allUsers, orders, user, orders": (
        "allUsers(last: $n) { edges { node { orders { user { username orders { total } } } } } }",
        2,
    ),
    "allUsers, ordersConnection, user, orders": (
        "allUsers(last: $n) { edges { node { ordersConnection(first: 1) "
        "{ edges { node { user { username orders { total } } } } } } } }",
        4,
    ),
    "fragments": (
        "allUsers(last: $n) { edges { node { ...WithOrders ... on User { orders { ...WithItems } } } } }",
        4,
    ),
    "node": (
        "allUsers(last: $n) { edges { node { id } } } node(id: $id) { ... on User { orders { items { pk } } } }",
        4,
    ),
    "several roots": (
        "a: allProducts(first: $n) { edges { node { name } } } "
        "b: allUsers(last: $n) { edges { node { orders { total } } } } "
        "me { orders { total } } c: allUsers(last: $n) { edges { node { orders { items { name } } } } }",
        7,
    ),
}
FRAGMENTS = (
    "fragment WithOrders on User { orders { ...WithItems } } fragment WithItems on Order { items { ...WithProduct } } "
    "fragment WithProduct on OrderItem { product { name } }"
)


OF_ONE_ORDER = {
    "order, user, orders, user": ("order(id: $pk) { user { orders { user { username } } } }", 3),
    "order, items, product": (f"order(id: $pk) {{ {ITEMS} }}", 3),
    "the same order by two roots": (
        f"node(id: $id) {{ ... on Order {{ {ITEMS} more: {ITEMS} }} }} order(id: $pk) {{ {ITEMS} }}",
        6,
    ),
}


@pytest.mark.long
@pytest.mark.parametrize("name", NESTINGS)
def test_statements_do_not_grow_with_the_page(name):
    selection, expected = NESTINGS[name]
    staff = Graph(make_staff())
    fill(100)
    query = f"{{ {selection.replace('$id', quoted_id(User.objects.latest('pk')))} }}"
    query += FRAGMENTS if "...With" in selection else ""

    counts = []
    for size in (1, 25, 100):
        with statements() as sql:
            staff.data(query.replace("$n", str(size)))
        counts.append(len(sql) - 1)

    assert counts == [expected] * 3


@pytest.mark.parametrize("name", OF_ONE_ORDER)
def test_statements_do_not_grow_with_an_order(name):
    selection, expected = OF_ONE_ORDER[name]
    staff = Graph(make_staff())

    counts = []
    for size in (1, 25, 100):
        fill(1)
        order = Order.objects.latest("pk")
        Order.objects.bulk_create(Order(number=f"{size}-{n}", user=order.user, total=1) for n in range(size))
        rows = (OrderItem(order=order, name="x", unit_price=1, quantity=1, line_total=1) for _ in range(size))
        OrderItem.objects.bulk_create(rows)
        with statements() as sql:
            staff.data(f"{{ {selection.replace('$id', quoted_id(order)).replace('$pk', str(order.pk))} }}")
        counts.append(len(sql) - 1)

    assert counts == [expected] * 3


def quoted_id(row: User | Order) -> str:
    return f'"{global_id(row)}"'


@pytest.mark.long
def test_a_thousand_rows_of_a_relation_are_loaded_by_one_statement():
    """SQLite takes no more than a thousand comparisons in one expression."""
    staff = Graph(make_staff())
    products = Product.objects.bulk_create(Product(name=f"p{n}", price=1) for n in range(1_200))
    user = User.objects.create_user("customer", "customer@example.com")
    orders = Order.objects.bulk_create(Order(number=f"{n}", user=user, total=1) for n in range(1_000))
    OrderItem.objects.bulk_create(
        OrderItem(order=orders[number % 1_000], product=product, name="x", unit_price=1, quantity=1, line_total=1)
        for number, product in enumerate(products)
    )

    with statements() as sql:
        found = staff.data(f"{{ user(id: {user.pk}) {{ orders {{ items {{ product {{ name }} }} }} }} }}")

    names = {item["product"]["name"] for order in found["user"]["orders"] for item in order["items"]}
    assert names == {row.name for row in products}
    assert len(sql) == 5
