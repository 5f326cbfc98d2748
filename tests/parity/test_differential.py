"""Random operations, sent through one door after the other to equal databases, are answered alike.

    SHOP_DIFFERENTIAL="200 60 any-seed" pytest -s tests/parity/test_differential.py

runs 200 sequences of 60 operations through every door, and through all of them in turn, and prints the counts.
"""

import os
import random
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F

from accounts.models import User
from accounts.tokens import obtain_tokens
from catalog.models import Product
from core.databases import is_postgresql
from orders.models import Order
from tests.parity.answers import Answer
from tests.parity.doors import Door, Doors, doors
from tests.parity.operations import PASSWORD
from tests.parity.random_operations import FIRST_ID, Operation, sequence
from tests.parity.test_parity import rows
from tests.support.factories import make_product, make_staff, make_user

__all__ = ["doors"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unlimited"), pytest.mark.unmeasured]

SEQUENCES, LENGTH, SEED = (os.environ.get("SHOP_DIFFERENTIAL") or "2 25 shop").split()
MIXED = "every door in turn"
READS = ("product", "products", "order", "orders", "orders_of", "user", "users", "me")
FRESH = ("number", "created_at", "updated_at")  # no two runs share them
# An operation that a door has no words for is sent over REST.
ONLY_OVER_REST = {
    "GraphQL": ("replace_product",),
    "gRPC": ("replace_product",),
    "Connect": ("replace_product",),
}


Outcomes = Generator[tuple[Answer, list[Any]], None, None]


class Run:
    """The shop at the beginning of a sequence, and the doors that its operations go through."""

    def __init__(self, doors: Doors, name: str) -> None:
        self._doors, self._name, self._turn = doors, name, random.Random(0)
        _begin_ids()
        self.callers = {
            "stranger": None,
            "owner": make_user(username="owner", email="owner@example.com", password=PASSWORD),
            "other": make_user(username="other", email="other@example.com"),
            "staff": make_staff(username="staff", email="staff@example.com"),
        }
        make_product(name="Tea", price="2.50", stock=10, sku="TEA", description="Loose.")
        make_product(name="Pot", price="20.00", stock=3)
        make_product(name="Cup", price="0.10", stock=2_147_483_647)
        make_product(name="Saucer", price="4.00", stock=40)
        self._tokens = [obtain_tokens(username="owner", password=PASSWORD).refresh for _ in range(3)]

    def outcome(self, operation: Operation) -> tuple[Answer, list[Any]]:
        """Do one operation; return the answer and the rows after it."""
        role, verb, args, options = operation
        if role == "sql":
            getattr(self, f"_{verb}")(*args)
            return Answer(), rows()
        if verb in ("refresh", "sign_out"):
            args = (self._tokens[args[0]],)
        return getattr(self._door(verb, role), verb)(*args, **options), rows()

    def _door(self, verb: str, role: str) -> Door:
        name = self._turn.choice(list(self._doors)) if self._name == MIXED else self._name
        return self._doors["REST" if verb in ONLY_OVER_REST.get(name, ()) else name](self.callers[role])

    def _delete_order(self, pk: int) -> None:
        Order.objects.filter(pk=pk).delete()

    def _switch_user(self, pk: int) -> None:
        User.objects.filter(username="other").update(is_active=pk % 2)
        self.callers["other"].refresh_from_db()

    def _change_price(self, pk: int) -> None:
        Product.objects.filter(pk=pk, price__lt=1_000).update(price=F("price") + 1)


def _begin_ids() -> None:
    """Give the next row of every table the same id in every run: PostgreSQL's sequences survive a rollback."""
    with connection.cursor() as cursor:
        if is_postgresql():
            cursor.execute("SELECT setval(sequencename::regclass, %s) FROM pg_sequences", [FIRST_ID])
        else:
            cursor.execute("DELETE FROM sqlite_sequence")
            cursor.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%%AUTOINCREMENT%%'")
            tables = [(name, FIRST_ID) for (name,) in cursor.fetchall()]
            cursor.executemany("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", tables)


def outcomes(doors: Doors, name: str, operations: Sequence[Operation]) -> Outcomes:
    with transaction.atomic():
        run = Run(doors, name)
        for operation in operations:
            yield run.outcome(operation)
        transaction.set_rollback(True)


def comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: comparable(inner) for name, inner in value.items() if name not in FRESH}
    return [comparable(inner) for inner in value] if isinstance(value, list) else value


def facts_of(operation: Operation, answer: Answer) -> tuple[Any, ...]:
    """Return the part of an answer in which the doors agree: a read names its parameters in the door's own words."""
    texts = sorted(answer.fields) if operation.verb in READS else answer.fields
    return answer.code, texts, comparable(answer.value)


@pytest.mark.long
@pytest.mark.parametrize("number", range(int(SEQUENCES)))
def test_random_operations_are_answered_alike_and_leave_the_same_rows(number, doors):
    operations = list(sequence(int(LENGTH), f"{SEED} {number}"))
    expected = list(outcomes(doors, "REST", operations))

    for name in [*list(doors)[1:], MIXED]:
        found = outcomes(doors, name, operations)
        with closing(found):  # also after a difference: the run must take its rows back now, and not in a later test
            for at, (operation, first, other) in enumerate(zip(operations, expected, found, strict=True)):
                place = f"{name}, operation {at} of sequence {number}: {operation}"
                assert facts_of(operation, other[0]) == facts_of(operation, first[0]), place
                assert other[1] == first[1], place

    refused = sum(answer.code is not None for answer, _ in expected)
    figures = f"{len(operations)} operations, {refused} refused, {len(doors) + 1} runs, no difference"
    print(f"Sequence {number}: {figures}")  # noqa: T201  # for a run by hand
    assert 0 < refused < len(operations)
