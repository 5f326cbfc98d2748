"""How products are searched, narrowed and sorted, in every protocol."""

import django_filters

from catalog.models import Product
from catalog.querysets import SORT_KEYS, ProductQuerySet
from ecommerce.filters import NUMBER_TEXTS, OneOf, StrictBooleanFilter
from ecommerce.validators import storable_text

PRICE = {"max_digits": 12, "decimal_places": 2, "error_messages": NUMBER_TEXTS}


class ProductFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(
        method="by_name", max_length=200, validators=storable_text, help_text="The name contains this, in any case."
    )
    min_price = django_filters.NumberFilter("price", "gte", help_text="Price, this or more.", **PRICE)
    max_price = django_filters.NumberFilter("price", "lte", help_text="Price, this or less.", **PRICE)
    in_stock = StrictBooleanFilter(method="by_stock", help_text="Whether there is any left.")
    sort = OneOf(SORT_KEYS, method="by_nothing", help_text="Sort key; created_at when left out. Ties go by id.")
    order = OneOf(("asc", "desc"), method="by_nothing", help_text="Direction; desc when left out.")

    class Meta:
        model = Product
        fields: list[str] = []

    def filter_queryset(self, queryset: ProductQuerySet) -> ProductQuerySet:
        """Narrow, then sort."""
        words = self.form.cleaned_data
        narrowed = super().filter_queryset(queryset)
        return narrowed.sorted_by(words["sort"] or "created_at", descending=words["order"] != "asc")

    def by_name(self, queryset: ProductQuerySet, name: str, text: str) -> ProductQuerySet:
        return queryset.search(text)

    def by_stock(self, queryset: ProductQuerySet, name: str, wanted: bool) -> ProductQuerySet:
        return queryset.filter(stock__gt=0) if wanted else queryset.filter(stock=0)

    def by_nothing(self, queryset: ProductQuerySet, name: str, word: str) -> ProductQuerySet:
        return queryset
