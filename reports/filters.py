"""The days of a report, in every protocol."""

from collections.abc import Mapping
from typing import Any

from core.lists.filters import DayFilter, ShopFilterSet, valid_filters
from orders.models import Order
from reports.periods import Period, period_of


class SalesFilter(ShopFilterSet):
    created_from = DayFilter(required=True, help_text="The first day, such as 2026-11-01, in the shop's time zone.")
    created_to = DayFilter(required=True, help_text="The last day, such as 2026-11-30: it is included.")

    class Meta:
        model = Order
        fields: list[str] = []


def period_in(params: Mapping[str, Any]) -> Period:
    """Parse the period in the parameters of a request. Raises InvalidInput."""
    days = valid_filters(SalesFilter, params)
    return period_of(days["created_from"], days["created_to"])
