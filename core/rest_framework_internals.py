"""The private members of REST framework that the shop uses. Tried on djangorestframework 3.18.3."""

from typing import Any

from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.serializers import Serializer


def django_request(request: Request) -> HttpRequest:
    """Return the Django request that a request of REST framework wraps."""
    return request._request


def declared_fields(kind: type[Serializer[Any]]) -> dict[str, Any]:
    """Return the fields that a serializer's class and its base classes declare, by name."""
    return kind._declared_fields


def field_arguments(field: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the positional and named arguments of a field, which REST framework keeps for its own copies."""
    return field._args, dict(field._kwargs)
