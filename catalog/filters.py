"""Search, filters and sort order of products, in every protocol."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import django_filters
from django.db.models import F

from catalog.bulk.repricing import ProductSelection
from catalog.models import Product, ProductHistory
from catalog.querysets import SORT_KEYS, ProductQuerySet, ids_of_branch
from core.actors import Actor
from core.errors import InvalidInput
from core.lists.filters import (
    AmountFilter,
    OneOf,
    Rows,
    ShopFilterSet,
    StrictBooleanFilter,
    filtered,
    filters_of,
    valid_filters,
)
from core.lists.keyset import NEWEST_FIRST, Sort
from core.validation.validators import storable_text


class ProductFilter(ShopFilterSet):
    q = django_filters.CharFilter(
        method="by_name",
        max_length=200,
        validators=storable_text,
        help_text="The name contains this; case and Unicode form are ignored.",
    )
    sku = django_filters.CharFilter(
        method="by_sku", max_length=64, validators=storable_text, help_text="The SKU is this; case is ignored."
    )
    min_price = AmountFilter("price", "gte", help_text="Lowest price, inclusive.")
    max_price = AmountFilter("price", "lte", help_text="Highest price, inclusive.")
    in_stock = StrictBooleanFilter(
        method="by_stock", help_text="true: only products in stock; false: only products out of stock."
    )
    low_stock = StrictBooleanFilter(
        method="by_reorder_level",
        help_text="true: only products whose stock is at their reorder level or below; false: only the others.",
    )
    category = django_filters.CharFilter(
        method="by_category",
        max_length=100,
        validators=storable_text,
        help_text="The slug or the id of a category: its products, and those of all categories below it.",
    )
    sort = OneOf(
        SORT_KEYS, method="by_nothing", help_text=f"Sort key; default {NEWEST_FIRST.key}. Ties are ordered by id."
    )
    order = OneOf(("asc", "desc"), method="by_nothing", help_text="Sort direction; default desc.")

    bound = frozenset(("q", "sku", "min_price", "max_price"))
    keyed = frozenset(("in_stock", "low_stock", "category"))

    class Meta:
        model = Product
        fields: list[str] = []

    def applied(self, queryset: Rows, values: Mapping[str, Any]) -> Rows:
        """Filter, then sort."""
        sort = Sort(values["sort"] or NEWEST_FIRST.key, descending=values["order"] != "asc")
        return sort.applied(super().applied(queryset, values))

    def resolved(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Replace a category by the ids of its branch: a frozenset, because an empty tuple would be no filter."""
        named = values.get("category")
        return {**values, "category": ids_of_branch(named)} if named else values

    def by_name(self, queryset: ProductQuerySet, name: str, text: str) -> ProductQuerySet:
        return queryset.search(text)

    def by_sku(self, queryset: ProductQuerySet, name: str, sku: str) -> ProductQuerySet:
        return queryset.with_sku(sku)

    def by_stock(self, queryset: ProductQuerySet, name: str, wanted: bool) -> ProductQuerySet:
        return queryset.filter(stock__gt=0) if wanted else queryset.filter(stock=0)

    def by_reorder_level(self, queryset: ProductQuerySet, name: str, wanted: bool) -> ProductQuerySet:
        return queryset.low() if wanted else queryset.exclude(stock__lte=F("reorder_level"))

    def by_category(self, queryset: ProductQuerySet, name: str, ids: frozenset[int]) -> ProductQuerySet:
        return queryset.in_categories(ids)

    def by_nothing(self, queryset: ProductQuerySet, name: str, word: str) -> ProductQuerySet:
        return queryset


def selection_of(caller: Actor, params: Mapping[str, Any]) -> ProductSelection:
    """Return the products that match the list filters, for a change of all of them. Raises InvalidInput.

    An unknown parameter is refused: if a misspelt filter were ignored, every product would change.
    """
    unknown = params.keys() - filters_of(ProductFilter).keys()
    if unknown:
        raise InvalidInput(fields={name: f"{name} is not a filter of products" for name in sorted(unknown)})
    values = valid_filters(ProductFilter, params)
    asked = {name: _as_text(value) for name, value in values.items() if value not in (None, "")}
    return ProductSelection(filtered(ProductFilter, params, Product.objects.visible_to(caller)), asked)


def _as_text(value: object) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


class ProductHistoryFilter(ShopFilterSet):
    kind = django_filters.CharFilter(
        "kind", max_length=16, validators=storable_text, help_text="Only changes of this kind, such as sale or import."
    )
    stock_moved = StrictBooleanFilter(method="by_units", help_text="true: only changes of the stock, the ledger.")

    class Meta:
        model = ProductHistory
        fields: list[str] = []

    def by_units(self, queryset: Rows, name: str, wanted: bool) -> Rows:
        return queryset.filter(units__isnull=not wanted)
