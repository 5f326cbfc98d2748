"""Where a plain check accepts input, it returns exactly the values of the serializer."""

from decimal import Decimal
from random import Random
from typing import Any

import pytest

from catalog.serializers import ProductReplacementSerializer, ProductSerializer, SkuChangeSerializer
from core.errors import DomainError, InvalidInput
from core.serializers import SerializerClass, checked, in_version, plainly_checked
from orders.serializers import BasketSerializer

ABSENT: Any = object()
TEXTS = [
    "Tea",
    "",
    " Tea",
    "Tea ",
    "a b",
    "Zoë",
    "電球 🫖",
    "ﬁ",
    "a\nb",
    "a\tb",
    "\n",
    "\0",
    "a\0b",
    "\ud800",
    "\x7f",
    "\x85",
]
TEXTS += [
    "\u2003x",
    "x\u00a0",
    "\u200b",
    "x" * 64,
    "x" * 65,
    "x" * 200,
    "x" * 201,
    "x" * 20_000,
    "x" * 20_001,
    "~",
    "-1",
]
NUMBERS = [0, 1, -1, 7, 2**31 - 1, 2**31, 2**63, 10**40, True, False, 1.0, 1.5, 0.1, 19.99, 1e2, 1e22, float("inf")]
NUMBERS += [float("nan"), 0.001, 0.005, 9999999999.99, 10**10, 10**10 - 1, -0.0, "1", "1.50", " 2", "1_0", "\uff11"]
NUMBERS += [
    "1.5",
    "0.01",
    "0",
    "0.00",
    "007.50",
    "1.500",
    "1.555",
    ".5",
    "5.",
    "-1.50",
    "+1",
    "1e1",
    "1.5\n",
    "\uff11.5",
]
NUMBERS += ["9999999999.99", "10000000000", "1" * 26, "1" * 27, "1" * 30, "NaN", "Infinity", "1,5"]
NUMBERS += [
    Decimal(text)
    for text in ("1", "1.0", "19.99", "19.990", "1E+2", "1.0E+1", "1e-3", "0", "-0", "0.00", "NaN", "Infinity", "-1.5")
]
NUMBERS += [Decimal("9999999999.99"), Decimal("9999999999.991"), Decimal("0.01"), Decimal("0.009"), Decimal(10) ** 30]
ODD = [None, ABSENT, [], {}, [1], {"amount": 1}, b"bytes", object]
MONEY = [{"amount": amount, "currency": "USD"} for amount in NUMBERS] + [{"amount": 1, "currency": "EUR"}, {}]


def outcome(kind: SerializerClass, data: object) -> Any:
    """Return the values by the serializer alone, or its refusal."""
    serializer = kind(data=data)
    try:
        return typed(dict(serializer.validated_data)) if serializer.is_valid() else "refused"
    except InvalidInput:
        return "refused"


def typed(value: Any) -> Any:
    """Make values comparable with their types and the digits of decimals, in order."""
    if isinstance(value, dict):
        return [(name, typed(each)) for name, each in value.items()]
    if isinstance(value, list):
        return [typed(each) for each in value]
    return type(value).__name__, str(value)


def assert_equal(kind: SerializerClass, data: object) -> bool:
    """Compare the plain check with the serializer. Returns whether the input is plain."""
    values = plainly_checked(kind, data)
    if values is not None:
        assert typed(values) == outcome(kind, data), data
    return values is not None


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("name", ["name", "description", "price", "stock", "sku"])
def test_each_value_of_a_product(name: str, version: str) -> None:
    kind = in_version(version, ProductSerializer)
    price = 1 if version == "v1" else {"amount": 1, "currency": "USD"}
    rows = [{"name": "Tea", "price": price, name: value} for value in [*TEXTS, *NUMBERS, *ODD, *MONEY]]

    plain = [assert_equal(kind, {key: value for key, value in row.items() if value is not ABSENT}) for row in rows]

    assert True in plain
    assert False in plain


@pytest.mark.parametrize("amount", ["12", "12.5", "12.50"])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_price_as_a_text_is_plain(version: str, amount: str) -> None:
    price = amount if version == "v1" else {"amount": amount, "currency": "USD"}

    assert assert_equal(in_version(version, SkuChangeSerializer), {"sku": "T-1", "price": price})


def test_generated_products() -> None:
    rng = Random(3)
    for _ in range(3_000):
        row = {name: rng.choice([*TEXTS, *NUMBERS, *ODD]) for name in ("description", "sku", "stock", "id", "other")}
        row |= {"name": rng.choice(TEXTS), "price": rng.choice(NUMBERS)}
        assert_equal(ProductSerializer, {name: value for name, value in row.items() if value is not ABSENT})


@pytest.mark.parametrize("value", [*NUMBERS, *ODD, *TEXTS[:5]])
@pytest.mark.parametrize("name", ["product_id", "quantity"])
def test_each_value_of_a_basket(name: str, value: Any) -> None:
    line = {"product_id": 1, "quantity": 2, name: value}

    assert_equal(BasketSerializer, {"items": [line, {"product_id": 3, "quantity": 4}]})


@pytest.mark.parametrize(
    ("basket", "is_plain"),
    [
        ({"items": [{"product_id": 1, "quantity": 2}]}, True),
        ({"items": [{"quantity": 2, "product_id": 1, "note": "x"}], "more": 1}, True),
        ({"items": [{"product_id": 1, "quantity": 2}] * 500}, True),
        ({"items": [{"product_id": 1, "quantity": 2}] * 501}, False),
        ({"items": [{"product_id": 1}]}, False),
        ({"items": [{"product_id": 0, "quantity": 2}]}, False),
        ({"items": [None]}, False),
        ({"items": []}, False),
        ({"items": ""}, False),
        ({"items": None}, False),
        ({}, False),
        ([], False),
        (None, False),
        ("text", False),
    ],
)
def test_basket_is_plain_if_every_line_is(basket: Any, is_plain: bool) -> None:
    assert assert_equal(BasketSerializer, basket) is is_plain


def test_spaces_at_the_ends_of_a_text_are_removed_by_the_plain_check() -> None:
    row = {"name": " Tea\u2003", "description": "\n", "price": 1, "sku": "T-1 "}

    values = plainly_checked(ProductSerializer, row)

    assert values == {"name": "Tea", "description": "", "price": Decimal("1.00"), "sku": "T-1"}
    assert assert_equal(ProductSerializer, row)


def test_serializer_with_rules_of_its_own_has_no_plain_check() -> None:
    assert plainly_checked(ProductReplacementSerializer, {"name": "Tea", "price": 1}) is None
    assert checked(ProductReplacementSerializer, {"name": "Tea", "price": 1})["name"] == "Tea"


def test_refusal_is_the_serializers() -> None:
    with pytest.raises(DomainError) as refusal:
        checked(ProductSerializer, {"name": "", "price": 0})

    assert refusal.value.fields == {"name": "Name is required", "price": "Valid price is required"}
