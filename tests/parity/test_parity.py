"""Every door of the shop gives the same answer: the same fields, the same refusals, the same rows written."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Q

from accounts.models import TokenFamily, User
from catalog.models import PriceChange, Product
from core.models import IdempotencyRecord
from core.openapi.pages import _document
from ecommerce.schema import schema
from orders.models import Order, OrderItem
from tests.parity.answers import Answer
from tests.parity.doors import Door, Doors, as_written, doors
from tests.parity.operations import ABSENT, ALONE, READS, ROLES, VERBS, WRITES, Act, Codes, Shop
from tests.support.rpc import METHODS

__all__ = ["doors"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unlimited"), pytest.mark.unmeasured]

PROTOCOLS = ("REST", "GraphQL", "gRPC")
FORMS = ("REST", "REST v2", "REST in XML", "REST v2 in XML", "Connect")  # all others are made of these

RANDOM = re.compile(r"[0-9a-f]{32}(?=\.png)")


@pytest.fixture(scope="module")
def shop(django_db_setup: None, django_db_blocker: Any) -> Iterator[Shop]:
    """The shop of all tests here, which take back what they write: building it costs as much as a test."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield Shop()
        transaction.set_rollback(True)


@cache
def statements() -> list[tuple[str, Any]]:
    """Return the SQL of `rows`, which runs so often that Django's building of it would take a quarter of the time."""
    products = Product.objects.order_by("id").values_list(
        "name", "description", "price", "stock", "sku", "version", "image"
    )
    orders = Order.objects.order_by("id").values_list("user", "status", "total", "version")
    items = OrderItem.objects.order_by("id").values_list(
        "name", "sku", "unit_price", "quantity", "line_total", "product"
    )
    users = User.objects.order_by("id").values_list("username", "email", "is_staff")
    sign_ins = TokenFamily.objects.order_by("created_at").values_list("user", Q(ended_at=None))
    repriced = PriceChange.objects.order_by("id").values_list("percent", "changed", "stale", "restored")
    keys = IdempotencyRecord.objects.order_by("operation").values_list("operation")
    return [query.query.sql_with_params() for query in (products, orders, items, users, sign_ins, repriced, keys)]


def rows() -> list[str]:
    """Return what of the database no door has a say in, as text: keys, numbers and moments differ."""
    with connection.cursor() as cursor:
        return [named_alike(repr(cursor.execute(sql, params).fetchall())) for sql, params in statements()]


def named_alike(text: str) -> str:
    """Replace the random names of files."""
    return RANDOM.sub("*", text)


def asked(name: str, doors: Doors) -> tuple[Act, Codes, Doors]:
    """Return an operation, its codes by role, and the doors that it can be asked of."""
    absent = ABSENT.get(name, {})
    assert absent.keys() <= doors.keys()
    if "gRPC" in absent:
        absent = absent | {"Connect": absent["gRPC"]}
    return *(READS | WRITES)[name], {door: kind for door, kind in doors.items() if door not in absent}


def outcome(act: Act, door: Callable[[User | None], Door], user: User | None, shop: Shop) -> tuple[Answer, list[Any]]:
    """Act through a door, and return its answer and the rows after it; then take it back."""
    with transaction.atomic():
        answer = act(door(user), shop)
        after = rows()
        transaction.set_rollback(True)
    return answer, after


@pytest.mark.parametrize("name", READS | WRITES)
@pytest.mark.parametrize(
    "compared", [PROTOCOLS, pytest.param(FORMS, marks=pytest.mark.long)], ids=["protocols", "forms"]
)
def test_every_door_answers_every_role_alike_and_leaves_the_same_rows(name, compared, shop, doors):
    act, codes, kinds = asked(name, doors)
    there = {door: kind for door, kind in kinds.items() if door in compared}
    before = rows()

    for role in ROLES:
        caller = getattr(shop, role)
        found = {door: outcome(act, kind, caller, shop) for door, kind in there.items()}

        assert {door: answer.code for door, (answer, _) in found.items()} == dict.fromkeys(there, codes[role]), role
        first, rows_after_first = found["REST"]
        assert name in WRITES or (first.value is None) is (codes[role] is not None)
        for door, (answer, rows_after) in found.items():
            assert answer.named == first.named, (door, role)
            assert name in READS or answer.fields == first.fields  # of a read they name a parameter, as a door does
            assert same(answer.value, as_written(door, first.value), name), (door, role)
            assert rows_after == rows_after_first, (door, role)
            assert codes[role] is None or rows_after == before


def same(value: Any, expected: Any, name: str) -> bool:
    """Whether two values are the same: of a read to the last field, of a write without the fields that are new."""
    return value == expected if name in READS else comparable(value) == comparable(expected)


def comparable(value: Any) -> Any:
    """Leave out what is new each time: the keys, numbers and moments of what was written."""
    if isinstance(value, dict):
        fresh = ("id", "number", "created_at", "updated_at")
        return {name: comparable(inner) for name, inner in value.items() if name not in fresh}
    if isinstance(value, list):
        return [comparable(inner) for inner in value]
    return named_alike(value) if isinstance(value, str) else value


@pytest.mark.parametrize(
    "filters",
    [
        {"order_by": "price"},
        {"order_by": "-price"},
        {"order_by": "name"},
        {"order_by": "-stock"},
        {"max_price": 0},
        {"order_by": "-name"},
        {"q": "TEA"},
        {"q": "nothing"},
        {"min_price": 2.5, "max_price": 19.99},
        {"in_stock": False, "order_by": "id"},
        {"low_stock": True, "order_by": "stock"},
        {"low_stock": False, "order_by": "id"},
        {"sku": "tea"},
        {"sku": "TE"},
        {"sku": "tea", "in_stock": False},
        {"in_stock": True, "q": "o", "order_by": "-updated_at"},
        {"size": 1, "order_by": "stock"},
    ],
)
def test_filters_and_sorts_agree(filters, shop, doors):
    lists = [kind(None).products(**filters) for kind in doors.values()]

    assert lists == [lists[0]] * len(doors)
    assert lists[0].code is None


def test_no_operation_of_any_protocol_is_left_out():
    rest = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in _document("v1")["paths"].items()
        for method in methods
        if not path.endswith("/events")
    }
    graphql = schema.graphql_schema.query_type.fields | schema.graphql_schema.mutation_type.fields
    grpc = {name for name, (_, method) in METHODS.items() if not method.server_streaming}

    for offered, words in zip((rest, graphql.keys(), grpc), zip(*VERBS.values(), strict=True), strict=True):
        assert offered - set(words) - ALONE.keys() == set(), "Compare it in operations.py, or say there why not"
        assert set(words) - {""} <= offered
