"""Compiled reads of pages."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection

from accounts.models import User
from catalog.filters import ProductFilter
from catalog.models import Category, Product
from core.lists.filters import filtering_of
from core.lists.keyset import NEWEST_FIRST, Sort
from core.plans import reads as compiled
from core.plans.reads import Reads
from orders.filters import OrderFilter
from orders.models import Order
from tests.support.factories import make_order, make_product, make_staff, make_user


@pytest.mark.django_db
def test_total_of_a_page_is_a_number_and_costs_no_conversion_of_rows() -> None:
    for name in ("a", "b", "c"):
        make_product(name=name)
    reads = Reads(Product.objects.all(), ["pk", "name"])

    rows, total = reads.page_and_total(AnonymousUser(), Sort("name"), 2, 0)
    (statement,) = reads._statements.values()

    assert [row[1] for row in rows] == ["a", "b"]
    assert (total, type(total)) == (3, int)
    assert statement._compiled.converted is None


def found_by(reads: Reads, **params: str) -> list[str]:
    filtering = filtering_of(ProductFilter, params)
    assert filtering is not None
    return [name for _, name in reads.where(filtering).page(AnonymousUser(), Sort("name"), 20, 0)]


@pytest.mark.django_db
def test_statement_of_a_filter_is_compiled_once_for_all_values() -> None:
    for name, price in (("Tea", 5), ("Teapot", 20), ("Cup", 7)):
        make_product(name=name, price=price)
    reads = Reads(Product.objects.all(), ["pk", "name"])
    found_by(reads, q="tea", max_price="6")
    before = len(compiled._FILTERED)

    assert found_by(reads, q="TEA", max_price="6") == ["Tea"]
    assert found_by(reads, max_price="8.00", q="") == ["Cup", "Tea"]
    assert found_by(reads, q="pot", max_price="100") == ["Teapot"]
    assert len(compiled._FILTERED) == before + 1  # of max_price alone


@pytest.mark.django_db
def test_statements_of_filters_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "MAX_STATEMENTS", 5)
    make_product(name="Tea", price=5)
    reads = Reads(Product.objects.all(), ["pk", "name"])

    for number in range(16):
        params = {"q": "tea", "min_price": "1", "max_price": "9", "sku": "none"}
        chosen = {name: text for bit, (name, text) in enumerate(params.items()) if number >> bit & 1}
        assert found_by(reads, in_stock="true", **chosen) == ([] if "sku" in chosen else ["Tea"])
        assert len(compiled._FILTERED) <= 5


@pytest.mark.django_db
def test_moved_category_changes_the_products_of_the_next_request() -> None:
    home, kitchen = (Category.objects.create(name=slug.title(), slug=slug) for slug in ("home", "kitchen"))
    make_product(name="Pot", category=kitchen)
    reads = Reads(Product.objects.all(), ["pk", "name"])
    assert found_by(reads, category="home") == []

    Category.objects.filter(pk=kitchen.pk).update(parent=home)

    assert found_by(reads, category="home") == found_by(reads, category=str(home.pk)) == ["Pot"]
    assert found_by(reads, category="nothing") == []


@pytest.mark.django_db
def test_changed_email_finds_the_orders_of_the_next_request() -> None:
    user = make_user(email="old@example.com")
    order, _ = make_order(user), make_order()
    Order.objects.filter(pk=make_order().pk).update(user=None)
    assert orders_of("OLD@example.com") == [order.pk]

    User.objects.filter(pk=user.pk).update(email="new@example.com")

    assert orders_of("new@example.com") == [order.pk]
    assert orders_of("old@example.com") == []


def orders_of(email: str) -> list[int]:
    filtering = filtering_of(OrderFilter, {"email": email})
    assert filtering is not None
    found = Reads(Order.objects.all(), ["pk"]).where(filtering).page(make_staff(), NEWEST_FIRST, 20, 0)
    return [row[0] for row in found]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("requires_postgresql")
def test_statement_of_a_filter_is_not_prepared() -> None:
    make_product(name="Tea", price=5)
    reads = Reads(Product.objects.all(), ["pk", "name"])

    for price in range(5, 25):
        assert found_by(reads, q="tea", min_price=str(price)) == (["Tea"] if price == 5 else [])
        assert len(reads.page(AnonymousUser(), Sort("name"), 20, 0)) == 1

    select = "SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%%catalog_product%%'"
    (whole_list,) = connection.rows_of(select, [])  # type: ignore[attr-defined]  # of the shop's own backend
    assert "name_folded" not in whole_list[0]
