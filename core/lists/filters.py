"""Filters, shared by all three protocols."""

import re
from collections.abc import Hashable, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar, NamedTuple, TypeVar

import django_filters
from django import forms
from django.db import models
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.request import Request
from rest_framework.views import APIView

from core.errors import InvalidInput
from core.lists.bound import Bound
from core.text.amounts import NUMBER, without_zeros_past_cents

Rows = TypeVar("Rows", bound=models.QuerySet[Any])
NUMBER_TEXTS = {
    "invalid": "must be a number",
    "max_digits": "has too many digits",
    "max_whole_digits": "has too many digits",
    "max_decimal_places": "has too many decimals",
}

DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


class StrictBooleanField(forms.NullBooleanField):
    """True, false, 1 or 0, in any case; any other value is an error, although Django would read it as unknown."""

    widget = forms.TextInput

    def to_python(self, value: object) -> bool | None:  # type: ignore[override]  # as its base of Django
        known = {"true": True, "1": True, "false": False, "0": False, "": None, "none": None}
        text = str(value if value is not None else "").lower()
        if text not in known:
            raise forms.ValidationError("must be true or false")
        return known[text]


class StrictBooleanFilter(django_filters.BooleanFilter):
    field_class = StrictBooleanField

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs, widget=forms.TextInput)


class AmountField(forms.DecimalField):
    """A number as in JSON; leading zeros and trailing zeros are allowed too."""

    def to_python(self, value: object) -> Decimal | None:  # type: ignore[override]  # as its base of Django
        if value not in self.empty_values and not NUMBER.fullmatch(str(value)):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        number = super().to_python(value)
        return None if number is None else without_zeros_past_cents(number)


class AmountFilter(django_filters.NumberFilter):
    """Filters by a column of money."""

    field_class = AmountField

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, max_digits=12, decimal_places=2, error_messages=NUMBER_TEXTS, **kwargs)


class DayField(forms.DateField):
    """A day, only as RFC 3339 writes it."""

    default_error_messages = {"required": "is required"}

    def to_python(self, value: object) -> date | None:
        if value in self.empty_values:
            return None
        try:
            if not DAY.fullmatch(str(value)):
                raise ValueError(value)
            return date.fromisoformat(str(value))
        except ValueError as error:
            raise forms.ValidationError("must be a date such as 2026-11-22") from error


class DayFilter(django_filters.DateFilter):
    """Filters by a day of the shop."""

    field_class = DayField

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, widget=forms.TextInput, **kwargs)


class OneOf(django_filters.ChoiceFilter):
    """One of `words`; the error lists them all."""

    def __init__(self, words: tuple[str, ...], **kwargs: object) -> None:
        texts = {"invalid_choice": f"must be one of {', '.join(words)}"}
        super().__init__(choices=[(word, word) for word in words], error_messages=texts, **kwargs)


SORTING = ("sort", "order")  # GraphQL and gRPC write both as one text, such as `-price`


class ShopFilterSet(django_filters.FilterSet):
    """The filters of a list. One object of each class serves all requests, because building a form is slow.

    A compiled read can use only the filters in `bound` and `keyed`. The SQL of a filter in `bound` is the same for all
    values, so the filter accepts a `Bound` as its value. A filter in `keyed` has few values, each with its own SQL.
    """

    bound: ClassVar[frozenset[str]] = frozenset()
    keyed: ClassVar[frozenset[str]] = frozenset()

    def applied(self, queryset: Rows, values: Mapping[str, Any]) -> Rows:
        """Filter and sort a queryset by valid values, one for each filter; None and "" stand for no filter."""
        return self.narrowed(queryset, self.resolved(values))

    def resolved(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the values for `narrowed`. Overrides replace names of rows, such as e-mails, by ids they read."""
        return values

    def narrowed(self, queryset: Rows, values: Mapping[str, Any]) -> Rows:
        for name, value in values.items():
            queryset = self.filters[name].filter(queryset, value)
        return queryset


class Filtering(NamedTuple):
    """The filters of one request. Requests with the same `conditions` have the same SQL."""

    filterset: ShopFilterSet | None = None
    conditions: tuple[tuple[str, Hashable], ...] = ()  # the name of each filter, with its value or a `Bound`
    values: Mapping[str, Any] = {}  # of the placeholders, by their names

    def applied(self, rows: Rows) -> Rows:
        return rows if self.filterset is None else self.filterset.narrowed(rows, dict(self.conditions))


def filters_of(filterset: type[ShopFilterSet]) -> dict[str, django_filters.Filter]:
    """Return the filters of a list by name, without its sort order."""
    return {name: one for name, one in filterset.base_filters.items() if name not in SORTING}


@cache
def _instance_of(filterset: Any) -> ShopFilterSet:
    made: ShopFilterSet = filterset({})
    return made


@cache
def _fields_of(filterset: object) -> Mapping[str, forms.Field]:
    fields: Mapping[str, forms.Field] = _instance_of(filterset).form.fields
    return fields


def filtered(filterset: type[ShopFilterSet], params: Mapping[str, Any], queryset: Rows) -> Rows:
    """Filter and sort a queryset by a client's parameters. Raises InvalidInput, which names all invalid ones."""
    kind: Any = filterset  # for mypy, the class is not hashable
    return _instance_of(kind).applied(queryset, valid_filters(filterset, params))


def valid_filters(filterset: type[ShopFilterSet], params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of each filter of a list. Raises InvalidInput, which names all invalid parameters."""
    kind: Any = filterset
    values, faults = {}, {}
    for name, field in _fields_of(kind).items():
        try:
            values[name] = field.clean(field.widget.value_from_datadict(params, {}, name))
        except forms.ValidationError as error:
            faults[name] = _naming(name, error.messages[0])
    if faults:
        raise InvalidInput(fields=faults)
    return values


def filtering_of(filterset: type[ShopFilterSet], params: Mapping[str, Any]) -> Filtering | None:
    """Return the filters for a compiled read; None if it can't use one of them. Raises InvalidInput, as `filtered`."""
    kind: Any = filterset
    given = {name: value for name, value in valid_filters(filterset, params).items() if value not in (None, "")}
    names = given.keys() - set(SORTING)
    if not names <= filterset.bound | filterset.keyed:
        return None
    made, bound = _instance_of(kind), _placeholders_of(kind)
    values = made.resolved(given)
    return Filtering(
        made,
        tuple((name, bound.get(name, values[name])) for name in sorted(names)),
        {bound[name].name: values[name] for name in names if name in bound},
    )


@cache
def _placeholders_of(filterset: Any) -> Mapping[str, Bound]:
    columns = {field.name: field for field in filterset._meta.model._meta.fields}
    filters = filterset.base_filters
    return {name: Bound(f"filter_{name}", columns.get(filters[name].field_name)) for name in filterset.bound}


def _naming(name: str, text: str) -> str:
    return f"{name}: {text}" if text[:1].isupper() else f"{name} {text}"


class FilterBackend(DjangoFilterBackend):
    """Lets DRF's views call `filtered`."""

    def filter_queryset(self, request: Request, queryset: Rows, view: APIView) -> Rows:
        filterset = self.get_filterset_class(view, queryset)
        return filtered(filterset, request.query_params, queryset) if filterset else queryset
