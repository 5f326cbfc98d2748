"""Filters as all three protocols use them."""

from collections.abc import Mapping
from typing import Any

import django_filters
from django import forms
from django.db import models
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.request import Request

from ecommerce.errors import InvalidInput

NUMBER_TEXTS = {
    "invalid": "must be a number",
    "max_digits": "has too many digits",
    "max_whole_digits": "has too many digits",
    "max_decimal_places": "has too many decimals",
}


class StrictBooleanField(forms.NullBooleanField):
    """True, false, 1 or 0, in any case; anything else is an error, where Django reads it as unknown."""

    widget = forms.TextInput

    def to_python(self, value: Any) -> bool | None:
        known = {"true": True, "1": True, "false": False, "0": False, "": None, "none": None}
        text = str(value if value is not None else "").lower()
        if text not in known:
            raise forms.ValidationError("must be true or false")
        return known[text]


class StrictBooleanFilter(django_filters.BooleanFilter):
    field_class = StrictBooleanField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs, widget=forms.TextInput)


class OneOf(django_filters.ChoiceFilter):
    """One of some words; the error names them all."""

    def __init__(self, words: tuple[str, ...], **kwargs: Any) -> None:
        texts = {"invalid_choice": f"must be one of {', '.join(words)}"}
        super().__init__(choices=[(word, word) for word in words], error_messages=texts, **kwargs)


def filtered(
    filterset: type[django_filters.FilterSet], params: Mapping[str, Any], queryset: models.QuerySet[Any]
) -> models.QuerySet[Any]:
    """Narrow and sort a queryset by a client's parameters. Raises InvalidInput, naming the parameter."""
    bound = filterset(params, queryset=queryset)
    if not bound.is_valid():
        raise InvalidInput(fields={name: _naming(name, texts[0]) for name, texts in bound.errors.items()})
    return bound.qs


def _naming(name: str, text: str) -> str:
    return f"{name}: {text}" if text[:1].isupper() else f"{name} {text}"


class FilterBackend(DjangoFilterBackend):
    """DRF's door to `filtered`."""

    def filter_queryset(self, request: Request, queryset: models.QuerySet[Any], view: Any) -> models.QuerySet[Any]:
        filterset = self.get_filterset_class(view, queryset)
        return filtered(filterset, request.query_params, queryset) if filterset else queryset
