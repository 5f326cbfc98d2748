"""Pages by keyset: every sort key, ties, both directions, rows that come and go, cursors that are none."""

import base64
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any

import pytest

from accounts.models import User
from accounts.querysets import SORT_KEYS as USER_KEYS
from catalog.models import Product
from catalog.querysets import SORT_KEYS as PRODUCT_KEYS
from core.errors import InvalidInput
from core.lists.keyset import NEWEST_FIRST, Slice, Sort, cursor_of, page_of, pages_by, sort_of
from orders.models import Order
from tests.support.factories import make_product, make_user
from tests.support.graph import statements

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 1, 12, 0, 0, 123456, UTC)
SORTS = [Sort(key, descending) for key in PRODUCT_KEYS for descending in (False, True)]
NAMES = ["ant", "Ant", "ant", "bee", "Bée", "bee ", "100%", "", "ant"]


def names_of(sort: Sort) -> str:
    return sort.spelled


@pytest.fixture
def products() -> list[Product]:
    """Add 18 rows in which every column has ties."""
    rows = [
        Product(
            name=NAMES[n % 9] or "zebra",
            price=Decimal(n % 3 + 1) / 4,
            stock=n % 4,
            created_at=START + timedelta(microseconds=n % 5),
            updated_at=START - timedelta(seconds=n % 2),
        )
        for n in range(18)
    ]
    return Product.objects.bulk_create(rows)


def walked(sort: Sort, size: int, *, backwards: bool = False) -> list[list[int]]:
    """Return the ids of all pages, in the order of the list."""
    pages: list[list[int]] = []
    cursor = None
    while True:
        part = Slice(last=size, before=cursor) if backwards else Slice(first=size, after=cursor)
        page = page_of(Product.objects.all(), sort, part)
        ids = [row.pk for row in page.rows]
        pages = [ids, *pages] if backwards else [*pages, ids]
        if not (page.has_previous if backwards else page.has_next):
            return pages
        cursor = cursor_of(page.rows[0 if backwards else -1], sort)


@pytest.mark.parametrize("sort", SORTS, ids=names_of)
def test_pages_forward_and_backward_make_the_list_with_nothing_doubled_or_missed(sort, products):
    whole = [row.pk for row in sort.applied(Product.objects.all())]

    for size in (1, 5, 6, 18, 50):
        forward, backward = walked(sort, size), walked(sort, size, backwards=True)
        assert [*chain(*forward)] == [*chain(*backward)] == whole
        assert [len(page) for page in forward[:-1]] == [size] * (len(forward) - 1)
        assert [len(page) for page in backward[1:]] == [size] * (len(backward) - 1)


@pytest.mark.parametrize("sort", SORTS, ids=names_of)
def test_place_is_kept_while_rows_come_and_go(sort, products):
    whole = [row.pk for row in sort.applied(Product.objects.all())]
    first = page_of(Product.objects.all(), sort, Slice(first=6))
    cursor = cursor_of(first.rows[-1], sort)
    gone = {*whole[2:4], whole[5], whole[6], whole[11]}  # the cursor's own row, and rows on both sides of it
    before, after = first.rows[0], page_of(Product.objects.all(), sort, Slice(last=1)).rows[0]
    Product.objects.filter(pk__in=gone).delete()
    for twin in (before, after):  # ties with the first and with the last row of the list
        columns = {name: getattr(twin, name) for name in ("name", "price", "stock", "created_at", "updated_at")}
        Product.objects.create(**columns)

    rest = page_of(Product.objects.all(), sort, Slice(first=50, after=cursor)).rows

    stayed = [pk for pk in whole[6:] if pk not in gone]
    assert [row.pk for row in rest if row.pk in whole] == stayed


@pytest.mark.parametrize("sort", SORTS, ids=names_of)
def test_rows_between_two_cursors(sort, products):
    whole = [row.pk for row in sort.applied(Product.objects.all())]
    rows = Product.objects.in_bulk(whole)
    part = Slice(first=3, after=cursor_of(rows[whole[3]], sort), before=cursor_of(rows[whole[10]], sort))

    start = page_of(Product.objects.all(), sort, part)
    end = page_of(Product.objects.all(), sort, part._replace(first=None, last=3))

    assert [row.pk for row in start.rows] == whole[4:7]
    assert (start.has_next, start.has_previous) == (True, True)
    assert [row.pk for row in end.rows] == whole[7:10]
    assert (end.has_next, end.has_previous) == (True, True)


@pytest.mark.parametrize(
    "sort", [Sort(key, descending) for key in USER_KEYS for descending in (False, True)], ids=names_of
)
def test_users_too(sort):
    for n in range(7):
        make_user(created_at=START + timedelta(days=n % 2))
    # As rows are that were written past the rules: their cursors must work as well.
    User.objects.filter(pk=User.objects.first().pk).update(username="a b\n", email="none")
    whole = [row.pk for row in sort.applied(User.objects.all())]

    seen, cursor = [], None
    for _ in range(4):
        page = page_of(User.objects.all(), sort, Slice(first=2, after=cursor))
        seen += [row.pk for row in page.rows]
        cursor = cursor_of(page.rows[-1], sort)

    assert seen == whole
    assert page.has_next is False


def test_pages_of_many_owners_take_one_statement():
    sort, users = Sort("created_at", descending=True), [make_user() for _ in range(3)]
    Order.objects.bulk_create(
        Order(number=f"{owner}-{n}", user=user, total=1, created_at=START + timedelta(days=n // 2))
        for owner, user in enumerate(users[:2])
        for n in range(5 - owner)
    )

    with statements() as sql:
        pages = pages_by(Order.objects.filter(user__in=users), "user_id", sort, Slice(first=4))
    ends = pages_by(Order.objects.all(), "user_id", sort, Slice(last=2))

    assert len(sql) == 1
    assert {key: [order.number for order in page.rows] for key, page in pages.items()} == {
        users[0].pk: ["0-4", "0-3", "0-2", "0-1"],
        users[1].pk: ["1-3", "1-2", "1-1", "1-0"],
    }
    assert [(page.has_next, page.has_previous) for page in pages.values()] == [(True, False), (False, False)]
    assert [[order.number for order in page.rows] for page in ends.values()] == [["0-1", "0-0"], ["1-1", "1-0"]]


def test_no_rows_are_a_page_too(products):
    page = page_of(Product.objects.all(), Sort("id"), Slice(first=0))

    assert page == ([], True, False)
    assert page_of(Product.objects.none(), Sort("id"), Slice(last=3)) == ([], False, False)


def encoded(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.urlsafe_b64encode(text.encode(errors="surrogatepass")).decode()


GARBAGE = [
    "",
    "x",
    "!!!!",
    "é",
    "\ud800",
    "=" * 5,
    "A" * 10_000,
    *map(
        encoded,
        [
            "",
            "{",
            "[" * 5_000,
            "9" * 5_000,
            "null",
            [],
            {},
            {"price": 1, "a": 2, "b": 3},
            ["price"],
            ["price", "1"],
            ["price", "1", 1, 1],
            ["name", "1", 1],
            ["-price", "1", 1],
            ["id", "1", 1],
            ["price", None, 1],
            ["price", 1, 1],
            ["price", True, 1],
            ["price", ["1"], 1],
            ["price", "NaN", 1],
            ["price", "Infinity", 1],
            ["price", "-1", 1],
            ["price", "1e999999", 1],
            ["price", "1e-999999", 1],
            ["price", "1.234", 1],
            ["price", "9" * 5_000, 1],
            ["price", "", 1],
            ["price", "1", None],
            ["price", "1", "1"],
            ["price", "1", 1.5],
            ["price", "1", True],
            ["price", "1", [1]],
            [["price"], "1", 1],
        ],
    ),
]


@pytest.mark.parametrize("cursor", GARBAGE)
@pytest.mark.parametrize("name", ["after", "before"])
def test_what_is_no_cursor_is_refused(name, cursor, products):
    with statements() as sql, pytest.raises(InvalidInput) as refusal:
        page_of(Product.objects.all(), Sort("price"), Slice(first=3, **{name: cursor}))

    assert refusal.value.message == f"{name} does not match this list, its filters and its order"
    assert sql == []


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("created_at", "2026-01-01"),
        ("created_at", "2026-01-01T00:00:00"),
        ("created_at", "2026-01-01T00:00:00+02:00"),
        ("created_at", "0001-01-01T00:00:00+14:00"),
        ("created_at", "9999-12-31T23:59:59-14:00"),
        ("created_at", "2026-13-01T00:00:00+00:00"),
        ("created_at", "yesterday"),
        ("stock", "1.5"),
        ("stock", "9" * 20),
        ("stock", "9" * 5_000),
        ("stock", "-1"),
        ("name", "a\0b"),
        ("name", "a\ud800b"),
    ],
)
def test_value_that_no_row_has_is_refused(key, text, products):
    with pytest.raises(InvalidInput):
        page_of(Product.objects.all(), Sort(key), Slice(first=3, after=encoded([key, text, 1])))


@pytest.mark.parametrize("pk", [0, -5, 2**31, 2**63, 10**30, -(10**30)])
@pytest.mark.parametrize("key", ["id", "price"])
def test_id_that_no_row_has_is_refused(key, pk, products):
    with pytest.raises(InvalidInput):
        page_of(Product.objects.all(), Sort(key), Slice(first=3, after=encoded([key, "1", pk])))


def test_row_that_is_gone_is_a_place_like_any_other(products):
    cursor = encoded(["id", str(2**31 - 1), 2**31 - 1])

    assert page_of(Product.objects.all(), Sort("id"), Slice(first=3, after=cursor)) == ([], False, True)
    assert len(page_of(Product.objects.all(), Sort("id"), Slice(last=3, before=cursor)).rows) == 3


def test_cursor_says_nothing_but_the_place():
    product = make_product(name="Tea", price=Decimal("2.50"))

    assert json.loads(base64.urlsafe_b64decode(cursor_of(product, Sort("price", descending=True)))) == [
        "-price",
        "2.50",
        product.pk,
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, Sort("created_at", descending=True)),
        ("", Sort("created_at", descending=True)),
        ("price", Sort("price")),
        ("-id", Sort("id", descending=True)),
    ],
)
def test_sort_is_read_from_its_spelling(text, expected):
    assert sort_of(text, PRODUCT_KEYS, NEWEST_FIRST) == expected


@pytest.mark.parametrize("text", ["-", "colour", "--price", "price-", "Price", "price,id", "?", "user__email"])
def test_unknown_sort_is_refused(text):
    with pytest.raises(InvalidInput, match="sort_by must be one of id, name"):
        sort_of(text, PRODUCT_KEYS, NEWEST_FIRST)
