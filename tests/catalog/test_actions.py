"""The verbs of the catalogue: who may, what they write, and what they refuse with nothing changed."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from catalog import actions
from catalog.errors import ProductChanged, ProductNotFound, SkuTaken, StaleProduct
from catalog.models import Product, ProductHistory
from core.errors import DomainError, Forbidden, IdempotencyMismatch, InvalidInput, Unauthenticated
from core.validation.cleaning import clean_fields, clean_values
from tests.support.factories import make_product, make_staff, make_user

pytestmark = pytest.mark.django_db

LAMP = {
    "name": "Lamp",
    "description": "Warm light",
    "price": Decimal("19.90"),
    "stock": 3,
    "reorder_level": 7,
    "sku": "LAMP-1",
    "category_id": None,
}

TEXT_THAT_NO_DATABASE_HOLDS = ["nul \x00", "lone \ud800", "lone \udfff surrogate"]
BAD_FIELDS: list[tuple[str, Any]] = [
    ("name", ""),
    ("name", None),
    ("name", "x" * 201),
    *[("name", text) for text in TEXT_THAT_NO_DATABASE_HOLDS],
    ("description", None),
    ("description", "x" * 20_001),
    *[("description", text) for text in TEXT_THAT_NO_DATABASE_HOLDS],
    ("price", None),
    ("price", "cheap"),
    ("price", Decimal(0)),
    ("price", Decimal("0.00")),
    ("price", Decimal("-0.01")),
    ("price", Decimal("1.001")),
    ("price", Decimal("10000000000.00")),
    *[("price", Decimal(text)) for text in ("NaN", "sNaN", "Infinity", "-Infinity", "1e400", "1e-400")],
    *[("price", number) for number in (float("nan"), float("inf"), 1e308)],
    ("stock", None),
    ("stock", "many"),
    ("stock", -1),
    ("stock", 2**31),
    ("stock", 2**63),
    ("stock", 10**400),
    *[("stock", Decimal(text)) for text in ("NaN", "Infinity", "-Infinity", "1e400")],
    *[("stock", number) for number in (float("nan"), float("inf"))],
    ("sku", "x" * 65),
    ("sku", "é"),
    ("sku", " padded"),
    ("sku", "line\n"),
    *[("sku", text) for text in TEXT_THAT_NO_DATABASE_HOLDS],
]
bad_fields = pytest.mark.parametrize(("field", "value"), BAD_FIELDS, ids=lambda value: ascii(value)[:30])


def never(product: Product) -> str:
    """A condition that no product meets."""
    return "If-Match"


def fields_of(product: Product) -> dict[str, Any]:
    return {name: getattr(product, name) for name in actions.WRITABLE}


# -- Who may ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("is_known", "refusal"), [(False, Unauthenticated), (True, Forbidden)], ids=["stranger", "customer"]
)
@pytest.mark.parametrize(
    "attempt",
    [
        lambda actor, pk: actions.create_product(actor=actor, values=LAMP),
        lambda actor, pk: actions.replace_product(actor=actor, product_id=pk, values=LAMP),
        lambda actor, pk: actions.change_product(actor=actor, product_id=pk, changes={"stock": 0}),
        lambda actor, pk: actions.delete_product(actor=actor, product_id=pk),
        lambda actor, pk: actions.create_products(actor=actor, rows=[LAMP]),
    ],
    ids=["create", "replace", "change", "delete", "batch"],
)
def test_only_staff_write_products(
    attempt: Callable[[Any, int], Any], is_known: bool, refusal: type[DomainError]
) -> None:
    product = make_product(name="As it was", stock=7)

    with pytest.raises(refusal):
        attempt(make_user() if is_known else AnonymousUser(), product.pk)

    assert list(Product.objects.values_list("name", "stock", "version")) == [("As it was", 7, 1)]


# -- Create -----------------------------------------------------------------------------------------------------


def test_created_product_holds_what_was_given() -> None:
    product = actions.create_product(actor=make_staff(), values=LAMP)

    stored = Product.objects.get()
    assert stored.pk == product.pk
    assert fields_of(stored) == LAMP
    assert stored.version == 1


def test_product_needs_no_more_than_name_and_price() -> None:
    actions.create_product(actor=make_staff(), values={"name": "Lamp", "price": "5"})

    assert fields_of(Product.objects.get()) == {
        "name": "Lamp",
        "description": "",
        "price": Decimal("5.00"),
        "stock": 0,
        "reorder_level": 5,
        "sku": None,
        "category_id": None,
    }


def test_values_at_the_edge_of_every_rule_are_taken() -> None:
    edge = {
        "name": "\U0001f600" * 200,
        "description": "é" * 20_000,
        "price": Decimal("9999999999.99"),
        "stock": 2**31 - 1,
        "reorder_level": 2**31 - 1,
        "sku": "~" * 64,
        "category_id": None,
    }

    actions.create_product(actor=make_staff(), values=edge)

    assert fields_of(Product.objects.get()) == edge


def test_empty_sku_is_no_sku_and_may_be_shared() -> None:
    staff = make_staff()

    actions.create_product(actor=staff, values=LAMP | {"sku": ""})
    actions.create_product(actor=staff, values=LAMP | {"sku": ""})

    assert list(Product.objects.values_list("sku", flat=True)) == [None, None]


def test_fields_the_shop_keeps_itself_cannot_be_set() -> None:
    values = LAMP | {"id": 4711, "version": 9, "created_at": None, "nonsense": 1}

    product = actions.create_product(actor=make_staff(), values=values)

    assert product.pk != 4711
    assert Product.objects.get().version == 1


@bad_fields
def test_bad_field_is_named_and_nothing_is_created(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as refusal:
        actions.create_product(actor=make_staff(), values=LAMP | {field: value})

    assert list(refusal.value.fields) == [field]
    assert not Product.objects.exists()


def test_all_bad_fields_are_named_at_once() -> None:
    with pytest.raises(InvalidInput) as refusal:
        actions.create_product(actor=make_staff(), values={"stock": -1})

    assert sorted(refusal.value.fields) == ["name", "price", "stock"]


def test_sku_is_unique_whatever_its_case() -> None:
    make_product(sku="lamp-1")

    with pytest.raises(SkuTaken) as refusal:
        actions.create_product(actor=make_staff(), values=LAMP)

    assert refusal.value.fields == {"sku": "SKU is already taken"}
    assert Product.objects.count() == 1


# -- Replace ----------------------------------------------------------------------------------------------------


def test_replacing_returns_what_is_left_out_to_its_default() -> None:
    product = make_product(**LAMP)

    replaced = actions.replace_product(
        actor=make_staff(), product_id=product.pk, values={"name": "Bulb", "price": Decimal("2.50")}
    )

    expected = {
        "name": "Bulb",
        "description": "",
        "price": Decimal("2.50"),
        "stock": 0,
        "reorder_level": 5,
        "sku": None,
        "category_id": None,
    }
    assert fields_of(replaced) == fields_of(Product.objects.get()) == expected
    assert replaced.version == 2


def test_replacing_needs_name_and_price() -> None:
    product = make_product(**LAMP)

    with pytest.raises(InvalidInput) as refusal:
        actions.replace_product(actor=make_staff(), product_id=product.pk, values={"stock": 1})

    assert sorted(refusal.value.fields) == ["name", "price"]
    assert fields_of(Product.objects.get()) == LAMP


def test_replacing_honours_the_expected_version_and_a_condition() -> None:
    staff, product = make_staff(), make_product(**LAMP)
    other = {"name": "Bulb", "price": Decimal(1)}

    with pytest.raises(StaleProduct):
        actions.replace_product(actor=staff, product_id=product.pk, values=other, expected_version=2)
    with pytest.raises(ProductChanged):
        actions.replace_product(actor=staff, product_id=product.pk, values=other, condition=never)

    assert fields_of(Product.objects.get()) == LAMP


# -- Change -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Bulb"),
        ("description", ""),
        ("price", Decimal("1.00")),
        ("stock", 0),
        ("reorder_level", 0),
        ("sku", None),
    ],
)
def test_change_touches_the_named_field_alone(field: str, value: Any) -> None:
    product = make_product(**LAMP)

    changed = actions.change_product(actor=make_staff(), product_id=product.pk, changes={field: value})

    stored = Product.objects.get()
    assert fields_of(stored) == fields_of(changed) == LAMP | {field: value}
    assert (changed.version, changed.updated_at) == (stored.version, stored.updated_at)
    assert stored.version == 2
    assert stored.updated_at > product.updated_at
    assert stored.created_at == product.created_at


def test_change_of_nothing_changes_nothing() -> None:
    product = make_product(**LAMP)

    same = actions.change_product(actor=make_staff(), product_id=product.pk, changes={"version": 9, "id": 1})

    assert fields_of(same) == LAMP
    assert Product.objects.get().version == same.version == 1


@bad_fields
def test_bad_field_is_named_and_nothing_is_changed(field: str, value: Any) -> None:
    product = make_product(**LAMP)

    with pytest.raises(InvalidInput) as refusal:
        actions.change_product(actor=make_staff(), product_id=product.pk, changes={"name": "New", field: value})

    assert list(refusal.value.fields) == [field]
    stored = Product.objects.get()
    assert fields_of(stored) == LAMP
    assert stored.version == 1


def test_stale_version_is_refused_with_the_version_that_stands() -> None:
    staff, product = make_staff(), make_product(stock=5)
    actions.change_product(actor=staff, product_id=product.pk, changes={"stock": 4}, expected_version=1)

    with pytest.raises(StaleProduct) as refusal:
        actions.change_product(actor=staff, product_id=product.pk, changes={"stock": 9}, expected_version=1)

    assert (refusal.value.status, refusal.value.details) == (409, {"version": 2})
    assert refusal.value.message == "Version is 2, not 1"
    assert Product.objects.get().stock == 4


def test_condition_that_is_not_met_is_refused() -> None:
    product = make_product(stock=5)

    with pytest.raises(ProductChanged, match="If-Match does not match") as refusal:
        actions.change_product(actor=make_staff(), product_id=product.pk, changes={"stock": 9}, condition=never)

    assert (refusal.value.status, refusal.value.code, refusal.value.details) == (
        412,
        "version_mismatch",
        {"version": 1},
    )
    assert Product.objects.get().stock == 5


def test_condition_is_asked_of_the_product_as_it_stands() -> None:
    product = make_product(stock=5)
    Product.objects.filter(pk=product.pk).update(stock=6)
    asked: list[tuple[int, int]] = []

    actions.change_product(
        actor=make_staff(),
        product_id=product.pk,
        changes={"stock": 9},
        condition=lambda found: asked.append((found.version, found.stock)),
    )

    assert (asked, Product.objects.get().stock) == ([(2, 6)], 9)


def test_sku_of_another_product_is_refused_in_any_case() -> None:
    make_product(sku="TAKEN")
    product = make_product(sku="mine", name="Mine")

    with pytest.raises(SkuTaken):
        actions.change_product(actor=make_staff(), product_id=product.pk, changes={"sku": "taken", "name": "X"})

    product.refresh_from_db()
    assert (product.sku, product.name, product.version) == ("mine", "Mine", 1)


def test_own_sku_may_change_its_case() -> None:
    product = make_product(sku="mine")

    changed = actions.change_product(actor=make_staff(), product_id=product.pk, changes={"sku": "MINE"})

    assert changed.sku == "MINE"


@pytest.mark.parametrize("verb", ["replace", "change", "delete"])
def test_unknown_product_is_not_found(verb: str) -> None:
    staff = make_staff()
    attempts: dict[str, Callable[[], Any]] = {
        "replace": lambda: actions.replace_product(actor=staff, product_id=4711, values=LAMP),
        "change": lambda: actions.change_product(actor=staff, product_id=4711, changes={"stock": 1}),
        "delete": lambda: actions.delete_product(actor=staff, product_id=4711),
    }

    with pytest.raises(ProductNotFound, match=r"^Product 4711 not found$"):
        attempts[verb]()

    assert not Product.objects.exists()


# -- Delete -----------------------------------------------------------------------------------------------------


def test_deleted_product_is_gone_and_others_stay() -> None:
    product, other = make_product(), make_product()

    actions.delete_product(actor=make_staff(), product_id=product.pk, expected_version=1)

    assert list(Product.objects.all()) == [other]


def test_delete_honours_the_expected_version_and_a_condition() -> None:
    staff, product = make_staff(), make_product()

    with pytest.raises(StaleProduct):
        actions.delete_product(actor=staff, product_id=product.pk, expected_version=2)
    with pytest.raises(ProductChanged):
        actions.delete_product(actor=staff, product_id=product.pk, condition=never)

    assert Product.objects.filter(pk=product.pk).exists()


# -- Many at once -----------------------------------------------------------------------------------------------


def test_batch_creates_the_valid_rows_and_says_why_not_the_others() -> None:
    rows = [LAMP, {"name": "", "price": Decimal(1)}, {"name": "Bulb", "price": Decimal("2.00"), "sku": ""}]

    lamp, refusal, bulb = actions.create_products(actor=make_staff(), rows=rows)

    assert list(Product.objects.values_list("pk", "name", "sku")) == [
        (lamp.pk, "Lamp", "LAMP-1"),
        (bulb.pk, "Bulb", None),
    ]
    assert isinstance(refusal, InvalidInput)
    assert list(refusal.fields) == ["name"]


def test_batch_refuses_a_sku_taken_before_and_within_itself() -> None:
    make_product(sku="old")
    rows = [LAMP | {"sku": sku} for sku in ("OLD", "new", "NEW", None)]

    old, new, twin, without = actions.create_products(actor=make_staff(), rows=rows)

    assert isinstance(old, SkuTaken)
    assert isinstance(twin, SkuTaken)
    assert list(Product.objects.values_list("pk", "sku"))[1:] == [(new.pk, "new"), (without.pk, None)]


def test_batch_of_nothing_does_nothing() -> None:
    assert actions.create_products(actor=make_staff(), rows=[]) == []
    assert not Product.objects.exists()


@bad_fields
def test_batch_refuses_the_same_fields(field: str, value: Any) -> None:
    bad, good = actions.create_products(actor=make_staff(), rows=[LAMP | {field: value}, LAMP])

    assert isinstance(bad, InvalidInput)
    assert list(bad.fields) == [field]
    assert list(Product.objects.all()) == [good]


def test_batch_writes_all_rows_in_one_statement() -> None:
    staff = make_staff()
    rows = [{"name": f"Product {n}", "price": Decimal(1)} for n in range(50)]

    with CaptureQueriesContext(
        connection,
    ) as queries:
        actions.create_products(actor=staff, rows=rows)

    assert len([query for query in queries if "INSERT" in query["sql"]]) == 1
    assert Product.objects.count() == 50


# -- What the database still refuses ----------------------------------------------------------------------------


def test_refusal_that_is_not_about_the_sku_is_not_called_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "clean_fields", lambda product: None)

    with pytest.raises(IntegrityError):
        actions.create_product(actor=make_staff(), values=LAMP | {"price": Decimal(0)})

    assert not Product.objects.exists()


def test_correction_of_a_stock_with_a_key_is_made_once() -> None:
    staff, product = make_staff(), make_product(stock=5)

    def correct(units: int, by: User = staff, **more: Any) -> int:
        corrected = actions.correct_stock(actor=by, product_id=product.pk, units=units, reason="Found", **more)
        return corrected.stock

    assert correct(3, key="k") == 8
    assert correct(2) == 10
    assert correct(3, key=" k") == 10
    with pytest.raises(IdempotencyMismatch):
        correct(4, key="k")
    assert correct(3, by=make_staff(), key="k") == 13
    assert ProductHistory.objects.filter(kind="correction").count() == 3


def test_refused_correction_leaves_its_key_free() -> None:
    staff, product = make_staff(), make_product(stock=5)

    with pytest.raises(InvalidInput):
        actions.correct_stock(actor=staff, product_id=product.pk, units=-6, reason="Lost", key="k")

    assert actions.correct_stock(actor=staff, product_id=product.pk, units=-5, reason="Lost", key="k").stock == 0


def test_key_of_a_deleted_product_is_not_found() -> None:
    staff, product = make_staff(), make_product(stock=5)
    correction: dict[str, Any] = {"actor": staff, "product_id": product.pk, "units": 1, "reason": "Found", "key": "k"}
    actions.correct_stock(**correction)
    product.delete()

    with pytest.raises(ProductNotFound):
        actions.correct_stock(**correction)


def test_correction_of_a_stock_needs_units_and_a_reason() -> None:
    staff, product = make_staff(), make_product(stock=5)

    with pytest.raises(InvalidInput) as refusal:
        actions.correct_stock(actor=staff, product_id=product.pk, units=0, reason="  ")

    assert refusal.value.fields == {"reason": "Reason is required", "units": "Units must not be 0"}
    assert Product.objects.get(pk=product.pk).stock == 5


def test_values_of_wrong_types_are_refused_by_name() -> None:
    with pytest.raises(InvalidInput) as refusal:
        clean_values(ProductHistory, {"reason": "x" * 201, "kind": ""})
    assert sorted(refusal.value.fields) == ["kind", "reason"]

    with pytest.raises(InvalidInput) as refusal:
        clean_fields(Product(name="Tea", price="x", category_id="teas"))
    assert sorted(refusal.value.fields) == ["category_id", "price"]
