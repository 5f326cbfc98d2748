"""Filtered lists have the same response on the fast path as on the ordinary path, bad values included."""

import itertools
from random import Random
from urllib.parse import quote, quote_plus

import pytest
from django.core.cache import cache

from accounts.models import User
from catalog.models import Category
from orders.models import Order
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.fast_path import answered, comparable, on_fast_path, scope_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unlimited")]
GOOD = {
    "q": ["tea", "TEA", "Zoë", "zoë's 🫖", "ﬁ", "100%", "a_b", "\\", "'", "<cup> & more", " tea ", "", "none"],
    "sku": ["t-1", "T-1", " t-1 ", "K-1", "\u212a-1", "100%", ""],
    "min_price": ["5", "5.00", "05.5000", "7.25", "0", "-1", "9999999999.99", " 5", ""],
    "max_price": ["5", "5.00", "7.25", "0", "9999999999.99", ""],
    "in_stock": ["true", "FALSE", "1", "0", "none", ""],
    "low_stock": ["true", "false", ""],
    "category": ["home", "kitchen", "pots", "nothing", "0", "9" * 12, "Home", ""],
    "sort": ["price", "name", "id", "stock", "created_at", ""],
    "order": ["asc", "desc"],
}
BAD = {
    "q": ["x" * 201, "\x00", "\x07"],
    "sku": ["x" * 65, "\x00"],
    "min_price": ["five", "1e3", "NaN", "1.234", "9" * 13, "٣"],
    "max_price": ["five", "Infinity"],
    "in_stock": ["yes", "2"],
    "low_stock": ["maybe"],
    "category": ["x" * 101, "\x00"],
    "sort": ["nonsense", " price"],
    "order": ["up"],
}
OF_ORDERS = {
    "status": ["pending", "paid", "cancelled", ""],
    "created_from": ["2026-01-02", "2026-01-03", "0001-01-01", "9999-12-31", ""],
    "created_to": ["2026-01-02", "2026-01-03", "0001-01-01", "9999-12-31", ""],
    "number": ["n-1", "#N-1", "N-1", "n-1 ", "#", "##N-1", "none", ""],
    "email": ["customer@example.com", "CUSTOMER@example.com", "\uff43ustomer@example.com", "nobody@example.com", ""],
}
BAD_OF_ORDERS = {
    "status": ["PAID", "null", "lost"],
    "created_from": ["2026-1-2", "today", "2026-02-30"],
    "created_to": ["2026-01-02T00:00:00Z"],
    "number": ["x" * 34],
    "email": ["\x00"],
}
OF_USERS = {
    "email": [
        "customer@example.com",
        "CUSTOMER@EXAMPLE.COM",
        "\uff43ustomer@example.com",
        "nobody@example.com",
        "ß",
        "",
    ],
    "username": ["customer", "CUSTOMER", "\uff23USTOMER", "zoë", "ZOE\u0308", "\u017ftaff", "nobody", "'", ""],
}
BAD_OF_USERS = {"email": ["x" * 121, "\x00"], "username": ["x" * 81, "\x07"]}
PAGES = {"v1": ["", "page=2&per_page=2", "per_page=1", "page=0"], "v2": ["", "limit=2", "limit=1", "limit=0"]}


@pytest.fixture(autouse=True)
def shop() -> None:
    cache.clear()
    customer, _ = make_user(username="customer", email="customer@example.com"), make_staff(username="staff")
    make_user(username="Zoë")
    home = Category.objects.create(name="Home", slug="home")
    kitchen = Category.objects.create(name="Kitchen", slug="kitchen", parent=home)
    categories = itertools.cycle([home, kitchen, Category.objects.create(name="Pots", slug="pots"), None])
    names = ["Tea", "tea cup", "Zoë's 🫖 <cup> & more", "ﬁne 100% a_b", "axb 1000", "back\\slash 'quoted'"] * 2
    products = [
        make_product(
            name=f"{name} {index}",
            sku=f"{'TK'[index % 2]}-{index}",
            price=f"{index}.{25 * (index % 4):02}",
            stock=20 if index == 1 else index % 4 * 3,
            category=next(categories),
        )
        for index, name in enumerate(names, 1)
    ]
    for index in range(8):
        order = make_order((customer, None)[index % 2], {products[0]: 1})
        Order.objects.filter(pk=order.pk).update(
            number=f"N-{index}",
            status=("pending", "paid", "cancelled")[index % 3],
            created_at=f"2026-01-0{1 + index // 2}T{(index % 2) * 23:02}:59:59.123456Z",
        )


def queries(good: dict[str, list[str]], bad: dict[str, list[str]], version: str, count: int) -> list[str]:
    """Return query strings with every value once, and `count` combinations of several."""
    random = Random(f"{version}{sorted(good)}")  # the same choices in every run
    single = [[(name, value)] for values in (good, bad) for name in values for value in values[name]]
    mixed = [
        [
            (name, random.choice(good[name]))
            for name in random.sample(sorted(good), random.randint(2, min(4, len(good))))
        ]
        for _ in range(count)
    ]
    escape = itertools.cycle((quote, quote_plus))
    written = ["&".join(f"{name}={next(escape)(value)}" for name, value in pairs) for pairs in single + mixed]
    pages = itertools.cycle(PAGES[version])
    return ["&".join(filter(None, random.sample([text, next(pages)], 2))) for text in written]


def check(path: str, caller: str) -> bool:
    """Compare the two paths; return whether the fast path has answered."""
    scope = scope_of(path, caller)
    found, ordinary = on_fast_path(scope).response, answered(scope)
    assert found is None or comparable(found) == comparable(ordinary), path
    return found is not None


@pytest.mark.long
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_filtered_products_are_those_of_the_ordinary_path(version: str) -> None:
    asked = queries(GOOD, BAD, version, 60)

    fast = [text for text in asked if check(f"/api/{version}/products?{text}", "stranger")]

    assert len(fast) > len(asked) * 0.6


@pytest.mark.long
@pytest.mark.parametrize("caller", ["customer", "staff"])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_filtered_orders_are_those_of_the_ordinary_path(version: str, caller: str) -> None:
    asked = queries(OF_ORDERS, BAD_OF_ORDERS, version, 30)

    fast = [text for text in asked if check(f"/api/{version}/orders?{text}", caller)]

    assert any("status=" in text for text in fast)
    assert any("created_from=" in text and "created_to=" in text for text in fast)
    assert any("number=" in text for text in fast)
    assert any("email=" in text for text in fast)


@pytest.mark.long
@pytest.mark.parametrize("caller", ["customer", "staff"])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_filtered_orders_of_a_user_are_those_of_the_ordinary_path(version: str, caller: str) -> None:
    filters, pk = {"status", "created_from", "created_to"}, User.objects.get(username="customer").pk
    good = {name: values for name, values in OF_ORDERS.items() if name in filters}
    bad = {name: values for name, values in BAD_OF_ORDERS.items() if name in filters}
    asked = queries(good, bad, version, 10)

    fast = [text for text in asked if check(f"/api/{version}/users/{pk}/orders?{text}", caller)]

    assert len(fast) > len(asked) / 3


@pytest.mark.long
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_filtered_users_are_those_of_the_ordinary_path(version: str) -> None:
    asked = queries(OF_USERS, BAD_OF_USERS, version, 20)

    assert sum(check(f"/api/{version}/users?{text}", "staff") for text in asked) > len(asked) * 0.6
    assert not any(check(f"/api/{version}/users?{text}", "customer") for text in asked)
