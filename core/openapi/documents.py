"""Completes the OpenAPI documents with facts that drf-spectacular can't derive from the code.

Overrides private methods of drf-spectacular's AutoSchema. Tried on drf-spectacular 0.30.0.
"""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import is_list_serializer
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from core.errors import CATALOGUE
from core.openapi.examples import in_second_version
from core.openapi.schemas import ERROR, HEADERS, PROBLEM, as_xml, headers_named
from core.permissions import anyone
from core.protocols.rest.deprecation import is_deprecated
from core.protocols.rest.problems import MEDIA_TYPE
from core.protocols.rest.renderers import RENDERERS
from core.protocols.rest.versions import V2, vendor_type
from core.serializers import MoneyObjectField, in_version

COMMON = (400, 401, 406, 413, 415, 429, 500, 503)  # described once, as the default response of every operation
ERRORS_EXTENSION, HEADERS_EXTENSION = "x-errors", "x-headers"
ALWAYS_SENT = ("RateLimit", "RateLimit-Policy", "X-Request-ID")
TITLES = {412: "If-Match does not match", **{s.http: s.title for s in reversed(CATALOGUE.values())}, 409: "Conflict"}
CODES = {412: "version_mismatch", **{s.http: code for code, s in reversed(CATALOGUE.items())}}
REQUEST_ID = "0f8fad5bd9cb469fa165708950a4c3d1"
Endpoint = tuple[str, str, str, Callable[..., object]]  # path, path as a regular expression, method, view
INTERNAL = ("core.serializers", "rest_framework", "builtins")  # their docstrings are for developers


def operation(
    name: str,
    summary: str,
    *,
    request: object = None,
    sent: object = None,
    answer: object = None,
    status: int = 200,
    got: object = None,
    errors: Iterable[int] = (),
    headers: Iterable[OpenApiParameter] = (),
    response_headers: Iterable[str] = (),
    description: str = "",
    media_type: str = "application/json",
) -> Any:
    """Describe an operation. Generators of clients name its method `name`, the name in GraphQL if it has one.

    `request` is the serializer of the request, with the example `sent`. `answer` is the serializer of the response,
    with the example `got` in `media_type`. `errors` are its error statuses, besides those that follow from the rest.
    `headers` are request headers. `response_headers` names the response headers that do not follow from the rest.
    """
    examples = [OpenApiExample("Request", sent, request_only=True)] if sent is not None else []
    examples += (
        [OpenApiExample("Answer", got, response_only=True, status_codes=[str(status)], media_type=media_type)]
        if got is not None
        else []
    )
    return extend_schema(
        operation_id=name,
        summary=summary,
        description=description,
        request=request,
        responses={status: OpenApiResponse(answer, description=summary)},
        examples=examples,
        parameters=list(headers),
        extensions={ERRORS_EXTENSION: sorted(errors), HEADERS_EXTENSION: list(response_headers)},
    )


def header(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=description)


CONDITIONAL = [
    header("If-None-Match", "An ETag; if the response still has it, the status is 304."),
    header("If-Match", "An ETag; if the response has another one now, the status is 412."),
]
IDEMPOTENCY_KEY = header(
    "Idempotency-Key",
    "1 to 255 printable ASCII characters; spaces at the ends are ignored. A retry with the same key gets the first "
    "response again.",
)


class OperationSchema(AutoSchema):
    """Takes the name of a page's list from the view, and requires a token unless the action is open to anyone."""

    view: Any  # a ShopView, as drf-spectacular sets it

    def _get_paginator(self) -> Any:
        paginator = self.view.paginator
        if paginator:
            paginator.list_name = self.view.list_name
            paginator.list_extra = getattr(self.view, "list_extra", {})
        return paginator

    def get_auth(self) -> list[dict[str, Any]]:
        super().get_auth()  # adds the scheme to the components
        return [] if self.view.rule() is anyone else [{BearerScheme.name: []}]

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular calls it
        return ""  # if `operation` has none; not the nearest docstring, which is for developers

    def is_deprecated(self) -> bool:
        return super().is_deprecated() or is_deprecated(self._version)

    @property
    def _version(self) -> str:
        version: str = self.view.request.version
        return version

    def _map_basic_serializer(self, serializer: object, direction: object) -> object:
        schema = super()._map_basic_serializer(serializer, direction)
        schema.pop("description", None)  # the nearest docstring, possibly of a base class
        text = _description(type(serializer))
        return schema | {"description": text} if text else schema

    # extend_schema describes a method once. These two and _get_examples convert that to the document's version.
    def _get_request_for_media_type(self, serializer: object, *args: object, **kwargs: object) -> object:
        return super()._get_request_for_media_type(self._in_version(serializer), *args, **kwargs)

    def _get_response_for_code(self, serializer: object, *args: object, **kwargs: object) -> object:
        return super()._get_response_for_code(self._in_version(serializer), *args, **kwargs)

    def _get_examples(self, *args: object, **kwargs: object) -> object:
        examples = super()._get_examples(*args, **kwargs)
        return in_second_version(examples) if self._version == V2 else examples

    def _in_version(self, described: object) -> Any:
        """Return a description from `operation` with the serializers of the document's version."""
        if isinstance(described, OpenApiResponse):
            return OpenApiResponse(self._in_version(described.response), description=described.description)
        if is_list_serializer(described):
            return self._in_version(type(described.child))(many=True)
        return in_version(self._version, described) if isinstance(described, type) else described


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class LinksSchema(OpenApiSerializerFieldExtension):
    target_class = "core.serializers.LinksField"

    def map_serializer_field(self, auto_schema: object, direction: object) -> dict[str, object]:
        url = {"type": "string", "format": "uri"}
        names = list(self.target.routes)
        return {"type": "object", "required": names, "properties": dict.fromkeys(names, url), "readOnly": True}


class MoneyObjectSchema(OpenApiSerializerFieldExtension):
    target_class = MoneyObjectField

    def map_serializer_field(self, auto_schema: object, direction: object) -> dict[str, object]:
        amount = {"type": "string", "pattern": r"^\d{1,13}(\.\d{1,2})?$", "example": "19.99"}
        currency = {"type": "string", "const": settings.STORE_CURRENCY, "description": "ISO 4217."}
        properties = {"amount": amount, "currency": currency}
        return {"type": "object", "required": list(properties), "properties": properties}


class UrlSchema(OpenApiSerializerFieldExtension):
    target_class = "core.serializers.UrlField"

    def map_serializer_field(self, auto_schema: object, direction: object) -> dict[str, object]:
        return {"type": "string", "format": "uri", "readOnly": True}


def finish(result: dict[str, Any], generator: SchemaGenerator, request: object, public: bool) -> dict[str, Any]:
    """Postprocessing hook: add headers, vendor types and errors to operations, and the XML form to schemas."""
    errors = Errors(generator.api_version)
    components = result["components"]
    # v1 links its pages in the body, not in the header Link.
    components["headers"] = {name: HEADERS[name] for name in HEADERS if errors.is_problem or name != "Link"}
    responses = components.setdefault("responses", {})
    for path, methods in result["paths"].items():
        for details in methods.values():
            details.setdefault("security", [])  # drf-spectacular omits an empty list
            _name_headers(details)
            _name_vendor_types(details, generator.api_version)
            for status in _statuses(path, details):
                responses[f"Error{status}"] = errors.response(status)
                details["responses"][str(status)] = {"$ref": f"#/components/responses/Error{status}"}
            details["responses"]["default"] = {"$ref": "#/components/responses/Error"}
    responses["Error"] = errors.common()
    components["schemas"] = {name: as_xml(schema) for name, schema in components["schemas"].items()}
    components["schemas"][errors.name] = errors.schema
    return result


def keep_versioned(endpoints: list[Endpoint]) -> list[Endpoint]:
    """Preprocessing hook: drop the paths without a version. They repeat the others, with the version in Accept."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/api/{version}/")]


def _name_headers(details: dict[str, Any]) -> None:
    """Add the headers of successful responses. Must run before error responses are added to the operation."""
    parameters = {parameter["name"] for parameter in details.get("parameters", ())}
    names = {*ALWAYS_SENT, *details.pop(HEADERS_EXTENSION, ())}
    names |= {"ETag"} if 304 in details.get(ERRORS_EXTENSION, ()) else set()
    names |= {"Link"} if "cursor" in parameters else set()
    for status, response in details["responses"].items():
        response["headers"] = headers_named({*names, "Location"} if status == "201" else names)


def _name_vendor_types(details: dict[str, Any], version: str) -> None:
    """Add the version's vendor types of JSON and XML to responses, after the plain types: clients use the first type.

    Requests are accepted in them too, but the path names the version already, and some generators of clients write a
    branch for each type of JSON.
    """
    for message in details["responses"].values():
        content = message.get("content", {})
        plain = {kind.format: content[kind.media_type] for kind in RENDERERS if kind.media_type in content}
        for format, described in plain.items():
            content[vendor_type(version, format)] = {"schema": described["schema"]}


def _description(serializer_class: type) -> str:
    """Return the docstring of a serializer, or of the serializer that it derives from."""
    kinds = [kind for kind in serializer_class.__mro__ if not kind.__module__.startswith(INTERNAL)]
    return next((inspect.cleandoc(kind.__doc__) for kind in kinds if kind.__doc__), "")


def _statuses(path: str, details: dict[str, Any]) -> list[int]:
    own = details.pop(ERRORS_EXTENSION, ())
    invalid = (400,) if "requestBody" in details or _takes_query(details) else ()
    unknown = (401,) if details["security"] else ()
    found = (404,) if "{" in path else ()
    return sorted({*own, *invalid, *unknown, *found})


def _takes_query(details: dict[str, Any]) -> bool:
    return any(parameter["in"] == "query" for parameter in details.get("parameters", ()))


class Errors:
    """The error responses of a version."""

    def __init__(self, version: str) -> None:
        self.is_problem = version == V2
        self.name, self.schema = ("Problem", PROBLEM) if self.is_problem else ("Error", ERROR)
        base = MEDIA_TYPE + "+" if self.is_problem else "application/"
        self.media_types = [f"{base}{format}" for format in ("json", "xml")]

    def response(self, status: int) -> dict[str, Any]:
        if status == 304:
            headers = headers_named([*ALWAYS_SENT, "ETag"])
            return {"description": "Not modified: the client already has the body.", "headers": headers}
        title = "A precondition of the request failed" if status == 412 else TITLES[status]
        return self._described(title, (), {"example": self._example(status)})

    def common(self) -> dict[str, Any]:
        """Return the response for the statuses that any operation may have."""
        examples = {str(status): {"summary": TITLES[status], "value": self._example(status)} for status in COMMON}
        title = f"Any other error: {', '.join(map(str, COMMON))}"
        return self._described(title, ("Accept", "Accept-Encoding", "Retry-After"), {"examples": examples})

    def _described(self, title: str, headers: Iterable[str], example: dict[str, object]) -> dict[str, Any]:
        schema = {"$ref": f"#/components/schemas/{self.name}"}
        content: dict[str, Any] = {media_type: {"schema": schema} for media_type in self.media_types}
        content[self.media_types[0]] |= example
        return {"description": title, "content": content, "headers": headers_named([*ALWAYS_SENT, *headers])}

    def _example(self, status: int) -> dict[str, object]:
        code, title = CODES[status], TITLES[status]
        example: dict[str, object] = {"error": title, "code": code}
        if self.is_problem:
            facts = {"type": f"/api/problems/{code}", "title": CATALOGUE[code].title, "status": status}
            example = {**facts, "detail": title, "code": code, "instance": "/api/v2/products/7"}
        retry = {"retry_after": 2} if status in (429, 503) else {}
        return {**example, "request_id": REQUEST_ID, **retry}
