"""The filters and the sort order of lists of orders, in every protocol."""

from collections.abc import Mapping
from typing import Any

from core.lists.filters import OneOf, Rows, ShopFilterSet
from core.lists.keyset import NEWEST_FIRST
from orders.models import Order


class OrderFilter(ShopFilterSet):
    status = OneOf(tuple(Order.Status.values), help_text="Only orders in this status.")

    class Meta:
        model = Order
        fields: list[str] = []

    def applied(self, queryset: Rows, values: Mapping[str, Any]) -> Rows:
        """Filter, and sort the newest first."""
        return NEWEST_FIRST.applied(super().applied(queryset, values))
