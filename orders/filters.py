"""The filters and the sort order of lists of orders, in every protocol."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import django_filters

from accounts.models import User
from accounts.querysets import id_of_email
from core.lists.bound import Bound, through
from core.lists.filters import DayFilter, OneOf, Rows, ShopFilterSet
from core.lists.keyset import NEWEST_FIRST
from core.moments import day_begins, day_ends
from core.plans.parents import Parent
from core.validation.validators import storable_text
from orders.models import Order
from orders.querysets import OrderQuerySet

OF_USER = Parent(User.objects.all(), "user_id")  # a list of one user's orders


class UserOrderFilter(ShopFilterSet):
    """The filters of the orders of one user."""

    status = OneOf(tuple(Order.Status.values), help_text="Only orders in this status.")
    created_from = DayFilter(
        "created_at",
        method="from_day",
        help_text="Only orders of this day and later, such as 2026-11-22, in the time zone of the shop.",
    )
    created_to = DayFilter(
        "created_at",
        method="to_day",
        help_text="Only orders of this day and earlier, such as 2026-11-22, in the time zone of the shop.",
    )

    bound = frozenset(("status", "created_from", "created_to"))

    class Meta:
        model = Order
        fields: list[str] = []

    def applied(self, queryset: Rows, values: Mapping[str, Any]) -> Rows:
        """Filter, and sort the newest first."""
        return NEWEST_FIRST.applied(super().applied(queryset, values))

    def from_day(self, queryset: OrderQuerySet, name: str, day: date | Bound) -> OrderQuerySet:
        return queryset.filter(created_at__gte=through(day_begins, day))

    def to_day(self, queryset: OrderQuerySet, name: str, day: date | Bound) -> OrderQuerySet:
        return queryset.filter(created_at__lt=through(day_ends, day))


class OrderFilter(UserOrderFilter):
    number = django_filters.CharFilter(
        method="by_number",
        max_length=33,
        validators=storable_text,
        help_text="The number is this, with or without a # before it; case is ignored.",
    )
    email = django_filters.CharFilter(
        method="by_email",
        max_length=120,
        validators=storable_text,
        help_text="The e-mail of the customer is this; case is ignored.",
    )

    bound = UserOrderFilter.bound | {"number", "email"}

    def resolved(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Replace an e-mail by the id of its user: with it, both databases read the newest orders from the index."""
        email = values.get("email")
        return {**values, "email": id_of_email(email)} if email else values

    def by_number(self, queryset: OrderQuerySet, name: str, number: str | Bound) -> OrderQuerySet:
        return queryset.numbered(number)

    def by_email(self, queryset: OrderQuerySet, name: str, user_id: int | Bound) -> OrderQuerySet:
        return queryset.filter(user=user_id)
