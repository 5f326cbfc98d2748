"""What a product's event is in every live protocol."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from catalog.feed import is_of, product_facts
from core.models import Event


def event(*, topic: str = "product", object_id: int = 7, price: Decimal | None = Decimal("19.99")) -> Event:
    at = datetime(2026, 11, 22, 9, 30, 15, 999_000, tzinfo=UTC)
    return Event(
        seq=12, topic=topic, kind="updated", object_id=object_id, user_id=None, price=price, stock=3, status=None, at=at
    )


def test_facts_are_the_product_its_price_its_stock_and_the_second() -> None:
    assert product_facts(event()) == {
        "product_id": 7,
        "new_price": 19.99,
        "new_stock": 3,
        "timestamp": 1_795_339_815,
        "kind": "updated",
    }


def test_price_that_nobody_knows_is_null() -> None:
    assert product_facts(event(price=None))["new_price"] is None


@pytest.mark.parametrize(
    ("wanted", "topic", "expected"),
    [(7, "product", True), (0, "product", True), (8, "product", False), (7, "order", False), (0, "order", False)],
)
def test_event_is_of_its_own_product_and_of_every_product(wanted: int, topic: str, expected: bool) -> None:
    assert is_of(wanted, event(topic=topic)) is expected
