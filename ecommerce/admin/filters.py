"""Ranges in a list's filters. What is no number or no day gives the list unfiltered, as Django's own filters do."""

from datetime import datetime, time
from typing import Any

from django import forms
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import RangeDateFilter, RangeNumericFilter


class MoneyRangeFilter(RangeNumericFilter):
    """An amount from, to, or both."""

    amount = forms.DecimalField(required=False, max_digits=15, decimal_places=2)

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        low, high = _bounds(self, self.amount)
        return _within(queryset, {f"{self.parameter_name}__gte": low, f"{self.parameter_name}__lte": high})


class DayRangeFilter(RangeDateFilter):
    """Days from, to, or both; the last day counts whole."""

    day = forms.DateField(required=False)

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        first, last = _bounds(self, self.day)
        start = timezone.make_aware(datetime.combine(first, time.min)) if first else None
        end = timezone.make_aware(datetime.combine(last, time.max)) if last else None
        return _within(queryset, {f"{self.parameter_name}__gte": start, f"{self.parameter_name}__lte": end})


def _bounds(list_filter: Any, field: forms.Field) -> tuple[Any, Any]:
    texts = (list_filter.used_parameters.get(f"{list_filter.parameter_name}_{end}") for end in ("from", "to"))
    try:
        low, high = (field.clean(text) for text in texts)
    except ValidationError as error:
        raise IncorrectLookupParameters(error) from error
    return low, high


def _within(queryset: QuerySet, bounds: dict[str, Any]) -> QuerySet:
    return queryset.filter(**{lookup: value for lookup, value in bounds.items() if value is not None})
