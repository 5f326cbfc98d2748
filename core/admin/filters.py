"""Range filters of lists. If a bound is not a number or a day, the list is unfiltered, as with Django's own filters."""

from typing import Any, TypeVar

from django import forms
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateFilter, RangeNumericFilter

from core.moments import day_begins, day_ends

Row = TypeVar("Row", bound=Model)


class MoneyRangeFilter(RangeNumericFilter):
    """Filters by the lowest amount, the highest, or both."""

    amount = forms.DecimalField(required=False, max_digits=15, decimal_places=2)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        low, high = _bounds(self, self.amount)
        return _within(queryset, {f"{self.parameter_name}__gte": low, f"{self.parameter_name}__lte": high})


class DayRangeFilter(RangeDateFilter):
    """Filters by the first day, the last, or both; the last day is included. Days are those of the shop's time zone."""

    day = forms.DateField(required=False)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first, last = _bounds(self, self.day)
        start, end = first and day_begins(first), last and day_ends(last)
        return _within(queryset, {f"{self.parameter_name}__gte": start, f"{self.parameter_name}__lt": end})


def _bounds(list_filter: Any, field: forms.Field) -> tuple[Any, Any]:
    texts = (list_filter.used_parameters.get(f"{list_filter.parameter_name}_{end}") for end in ("from", "to"))
    try:
        low, high = (field.clean(text) for text in texts)
    except ValidationError as error:
        raise IncorrectLookupParameters(error) from error
    return low, high


def _within(queryset: QuerySet[Row], bounds: dict[str, object]) -> QuerySet[Row]:
    return queryset.filter(**{lookup: value for lookup, value in bounds.items() if value is not None})
