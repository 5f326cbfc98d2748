"""How orders are narrowed and sorted, in every protocol."""

import django_filters

from ecommerce.filters import OneOf
from orders.models import Order
from orders.querysets import OrderQuerySet


class OrderFilter(django_filters.FilterSet):
    status = OneOf(tuple(Order.Status.values), help_text="Only orders in this status.")

    class Meta:
        model = Order
        fields: list[str] = []

    def filter_queryset(self, queryset: OrderQuerySet) -> OrderQuerySet:
        """Narrow; the newest come first."""
        return super().filter_queryset(queryset).newest_first()
