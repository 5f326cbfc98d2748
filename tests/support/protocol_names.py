"""Reads the names of fields, arguments and filters from each protocol, for the guard tests."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple

from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets
from django.test import RequestFactory
from google.protobuf.message import Message
from graphene.utils.str_converters import to_snake_case
from rest_framework import serializers

from accounts.models import User
from core.openapi.pages import _document
from core.protocols.graph.served_schema import served_schema
from core.serializers import LinksField

Names = Iterable[str]
VERSIONS = ("v1", "v2")
PK = {"pk": "GraphQL's `id` is global; `pk` is the id of the other protocols"}
LINKS = {"_links": "only REST has URLs"}
PAGE = {
    "v1": {"page": "page", "per_page": "page"},
    "v2": {"cursor": "page", "limit": "page"},
}


class Place(NamedTuple):
    """A place that lists names, such as a GraphQL type. `differs` maps intended differences to reasons."""

    where: str
    names: Callable[[], Names]
    differs: dict[str, str] = {}


def outputs(serializer_class: type[serializers.Serializer]) -> Names:
    fields = serializer_class().fields.items()
    return {name for name, field in fields if not field.write_only and not isinstance(field, LinksField)}


def inputs(serializer_class: type[serializers.Serializer]) -> Names:
    return {name for name, field in serializer_class().fields.items() if not field.read_only}


def columns(model: Any) -> Names:
    return {field.attname for field in model._meta.concrete_fields}


def graphql_type(name: str) -> Names:
    return map(to_snake_case, served_schema().type_map[name].fields)


def arguments(field: str) -> Names:
    schema = served_schema()
    roots = {**schema.query_type.fields, **schema.mutation_type.fields, **schema.type_map["User"].fields}
    return map(to_snake_case, roots[field].args)


def message(kind: type[Message]) -> Names:
    return kind.DESCRIPTOR.fields_by_name


@cache
def document(version: str) -> dict[str, Any]:
    return _document(version)


def component(version: str, name: str) -> Names:
    return document(version)["components"]["schemas"][name]["properties"]


def parameters(version: str, path: str, method: str) -> Names:
    found = document(version)["paths"][f"/api/{version}{path}"][method]["parameters"]
    return {parameter["name"] for parameter in found if parameter["in"] == "query"}


def admin_page(model: Any, row: Any = None) -> Names:
    request = RequestFactory().get("/")
    request.user = User(is_staff=True, is_superuser=True, pk=1)
    return flatten_fieldsets(admin.site._registry[model].get_fieldsets(request, row))


def in_graphql(name: str, **differs: str) -> Place:
    return Place(f"GraphQL type {name}", lambda: graphql_type(name), differs)


def as_arguments(field: str, **differs: str) -> Place:
    return Place(f"GraphQL {field}", lambda: arguments(field), differs)


def in_proto(kind: type[Message], **differs: str) -> Place:
    return Place(f"message {kind.DESCRIPTOR.name}", lambda: message(kind), differs)


def in_openapi(name: str, **differs: str) -> list[Place]:
    def names_in(version: str) -> Callable[[], Names]:
        return lambda: component(version, name)

    return [Place(f"OpenAPI {version} {name}", names_in(version), differs) for version in VERSIONS]


def as_parameters(path: str, method: str = "get", *, is_paged: bool = True, **differs: str) -> list[Place]:
    def place(version: str) -> Place:
        page = PAGE[version] if method == "get" and is_paged else {}
        return Place(f"OpenAPI {version} {path}", lambda: parameters(version, path, method), page | differs)

    return [place(version) for version in VERSIONS]
