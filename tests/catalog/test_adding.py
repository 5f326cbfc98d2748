"""Many products by one statement: the same rows as one by one, with the ids in the order of the rows."""

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django.db import connection
from django.db.models import Value
from django.db.models.expressions import DatabaseDefault
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from catalog.actions import create_product, create_products
from catalog.json_rows import as_json_rows
from catalog.models import MAX_PRICE, Product
from core.errors import DomainError, InvalidInput
from core.models import ChangeEvent
from core.validation.cleaning import is_plainly_clean
from core.validation.validators import MAX_INT32
from tests.support.factories import make_staff

pytestmark = pytest.mark.django_db

NAMES = ["Tea", "Zoë's 🫖 <cup>", 'ﬁne \\ "quoted"', "a\nb\tc", "x" * 200, "İstanbul", "\x7f", "電球", "null", "1"]
DESCRIPTIONS = ["", "plain", "two\nlines \\N \\u0041", "y" * 20_000]
PRICES = [Decimal("0.01"), Decimal(1), Decimal("1.00"), Decimal("19.9"), MAX_PRICE, 2, 1.5, "3.25"]
ODD = ["", " ", None, "x" * 201, "\0", "\ud800", Decimal("NaN"), Decimal("1.005"), -1, True, [], MAX_INT32 + 1]


def row_of(rng: Random, n: int) -> dict[str, Any]:
    row: dict[str, Any] = {"name": rng.choice(NAMES), "price": rng.choice(PRICES)}
    optional = {"description": rng.choice(DESCRIPTIONS), "stock": rng.choice([0, 7, MAX_INT32])}
    optional["sku"] = rng.choice([f"S-{n}", None, "", f"~ {n}"])
    return row | {name: value for name, value in optional.items() if rng.random() < 0.7}


def columns_of(product: Product) -> dict[str, Any]:
    moments = ("id", "created_at", "updated_at")
    return {field.attname: getattr(product, field.attname) for field in product._meta.concrete_fields} | dict.fromkeys(
        moments
    )


def test_rows_are_those_of_single_products() -> None:
    staff, rng = make_staff(), Random(11)
    rows = [row_of(rng, n) for n in range(60)]
    singles = [create_product(actor=staff, values=row).pk for row in rows]
    expected = [columns_of(product) for product in Product.objects.order_by("pk")]
    Product.objects.filter(pk__in=singles).delete()

    before = timezone.now()
    made = create_products(actor=staff, rows=rows)

    stored = list(Product.objects.order_by("pk"))
    assert [columns_of(product) for product in stored] == expected
    assert [product.pk for product in stored] == [row.pk for row in made if isinstance(row, Product)]
    assert [product.name for product in stored] == [row["name"] for row in rows]
    assert all(before <= product.created_at < before + timedelta(minutes=1) for product in stored)
    for returned, product in zip(made, stored, strict=True):
        assert isinstance(returned, Product)
        assert not returned._state.adding
        assert (returned.created_at, returned.updated_at) == (product.created_at, product.updated_at)


def test_feed_has_each_product() -> None:
    made = create_products(actor=make_staff(), rows=[{"name": f"Tea {n}", "price": Decimal(n + 1)} for n in range(5)])

    ids = [product.pk for product in made if isinstance(product, Product)]
    events = ChangeEvent.objects.filter(topic="product", kind="created", object_id__in=ids).order_by("id")
    assert list(events.values_list("object_id", "price")) == [(pk, Decimal(n + 1)) for n, pk in enumerate(ids)]


def test_one_statement_however_many_rows() -> None:
    staff, rows = make_staff(), [{"name": f"Tea {n}", "price": Decimal("1.50"), "sku": f"s{n}"} for n in range(3_000)]

    with CaptureQueriesContext(connection) as queries:
        create_products(actor=staff, rows=rows)

    assert sum("INSERT" in query["sql"] for query in queries) == 1
    assert Product.objects.count() == 3_000


@pytest.mark.parametrize("name", ["name", "description", "price", "stock", "sku"])
@pytest.mark.parametrize("value", [*NAMES, *DESCRIPTIONS, *PRICES, *ODD], ids=lambda value: ascii(value)[:20])
def test_plainly_clean_values_pass_the_ordinary_check_unchanged(name: str, value: Any) -> None:
    if not is_plainly_clean(Product, {name: value}):
        return
    product = Product(**({"name": "Tea", "price": Decimal(1)} | {name: value}))

    product.clean_fields()

    cleaned = getattr(product, name)
    assert (type(cleaned), str(cleaned)) == (type(value), str(value))


def test_usual_values_are_plainly_clean_and_others_are_not() -> None:
    usual = {"name": "Zoë 🫖", "description": "", "price": Decimal("19.99"), "stock": 3, "sku": "T-1"}

    assert is_plainly_clean(Product, usual)
    assert is_plainly_clean(Product, usual | {"sku": None})
    for name, value in (("name", ""), ("name", None), ("price", Decimal(0)), ("price", 1), ("stock", -1), ("sku", "é")):
        assert not is_plainly_clean(Product, usual | {name: value}), (name, value)


def test_refused_rows_say_why_between_good_ones() -> None:
    rows = [
        {"name": "A", "price": Decimal(1)},
        {"price": Decimal(1)},
        {"name": "", "price": 0},
        {"name": "B", "price": 1},
    ]

    first, nameless, bad, last = create_products(actor=make_staff(), rows=rows)

    assert isinstance(first, Product)
    assert isinstance(last, Product)
    assert [type(each) for each in (nameless, bad)] == [InvalidInput, InvalidInput]
    assert isinstance(bad, DomainError)
    assert set(bad.fields) == {"name", "price"}
    assert list(Product.objects.order_by("pk").values_list("name", flat=True)) == ["A", "B"]


def test_value_that_only_the_database_knows_is_refused_and_not_stored_as_its_text() -> None:
    product = Product(name="Lamp", price=Decimal("1.50"), stock=DatabaseDefault(Value(0)))

    with pytest.raises(TypeError):
        as_json_rows([product], ["name", "price", "stock"])
