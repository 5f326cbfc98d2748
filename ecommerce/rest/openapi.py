"""The OpenAPI documents: what they say of every operation beyond what the code shows."""

import inspect
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import is_list_serializer
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from ecommerce.errors import CATALOGUE
from ecommerce.rest.deprecation import is_deprecated
from ecommerce.rest.examples import in_second_version
from ecommerce.rest.problems import MEDIA_TYPE
from ecommerce.rest.renderers import RENDERERS
from ecommerce.rest.schemas import ERROR, HEADERS, PROBLEM, as_xml, headers_named
from ecommerce.rest.versions import V2, vendor_type
from ecommerce.serializers import MoneyObjectField, in_version

ALWAYS = (400, 401, 406, 429, 500, 503)
WITH_BODY = (413, 415)
ERRORS_EXTENSION, HEADERS_EXTENSION = "x-errors", "x-headers"
ALWAYS_TOLD = ("RateLimit", "RateLimit-Policy", "X-Request-ID")
TITLES = {412: "If-Match does not match", **{s.http: s.title for s in reversed(CATALOGUE.values())}, 409: "Conflict"}
CODES = {412: "version_mismatch", **{s.http: code for code, s in reversed(CATALOGUE.items())}}
REQUEST_ID = "0f8fad5bd9cb469fa165708950a4c3d1"
INTERNAL = ("ecommerce.serializers", "rest_framework", "builtins")  # docstrings of bases are for who writes code


def operation(
    summary: str,
    *,
    request: Any = None,
    sent: Any = None,
    answer: Any = None,
    status: int = 200,
    got: Any = None,
    errors: Iterable[int] = (),
    headers: Iterable[OpenApiParameter] = (),
    told: Iterable[str] = (),
    description: str = "",
    name: str | None = None,
    media_type: str = "application/json",
) -> Any:
    """Describe an operation: the serializer it reads with an example `sent`, the one it answers with an example `got`.

    `errors` are the statuses that it may answer beside those that every operation may, `headers` are of the request,
    and `told` names those of the answer that do not follow from the rest; `media_type` is of `got`; `name` is for
    programs, where the one that follows from the path is another operation's too.
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
        description=description or summary,
        request=request,
        responses={status: OpenApiResponse(answer, description=summary)},
        examples=examples,
        parameters=list(headers),
        extensions={ERRORS_EXTENSION: sorted(errors), HEADERS_EXTENSION: list(told)},
    )


def header(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=description)


CONDITIONAL = [
    header("If-None-Match", "An ETag; 304 when the answer still has it."),
    header("If-Match", "An ETag; 412 when the answer has another by now."),
]


class Schema(AutoSchema):
    """Names the list in a page as the view does, and asks for a token where a rule does."""

    def _get_paginator(self) -> Any:
        paginator = self.view.paginator
        if paginator:
            paginator.list_name = self.view.list_name
            paginator.list_extra = getattr(self.view, "list_extra", {})
        return paginator

    def get_auth(self) -> list[dict[str, Any]]:
        bearer: dict[str, list[str]] = {"bearer": []}
        return [bearer] if self.view.action_name() in self.view.rules else [bearer, {}]

    def is_deprecated(self) -> bool:
        return super().is_deprecated() or is_deprecated(self._version)

    def get_operation_id(self) -> str:
        return super().get_operation_id().removeprefix("api_").replace(f"{self._version}_", "", 1)

    @property
    def _version(self) -> str:
        return self.view.request.version

    def get_serializer_name(self, serializer: Any, direction: Any) -> str:
        return super().get_serializer_name(serializer, direction).replace("V2Serializer", "Serializer")

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        schema = super()._map_basic_serializer(serializer, direction)
        schema.pop("description", None)  # the nearest docstring, which may be that of a base
        text = _description(type(serializer))
        return schema | {"description": text} if text else schema

    # These two and _get_examples stand between extend_schema, which a method is described by, and the document.
    def _get_request_for_media_type(self, serializer: Any, *args: Any, **kwargs: Any) -> Any:
        return super()._get_request_for_media_type(self._in_version(serializer), *args, **kwargs)

    def _get_response_for_code(self, serializer: Any, *args: Any, **kwargs: Any) -> Any:
        return super()._get_response_for_code(self._in_version(serializer), *args, **kwargs)

    def _get_examples(self, *args: Any, **kwargs: Any) -> Any:
        examples = super()._get_examples(*args, **kwargs)
        return in_second_version(examples) if self._version == V2 else examples

    def _in_version(self, described: Any) -> Any:
        """Return what `operation` was given, with the serializers that the document's version has."""
        if isinstance(described, OpenApiResponse):
            return OpenApiResponse(self._in_version(described.response), description=described.description)
        if is_list_serializer(described):
            return self._in_version(type(described.child))(many=True)
        return in_version(self._version, described) if isinstance(described, type) else described


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class LinksSchema(OpenApiSerializerFieldExtension):
    target_class = "ecommerce.serializers.LinksField"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        url = {"type": "string", "format": "uri"}
        names = list(self.target.routes)
        return {"type": "object", "required": names, "properties": dict.fromkeys(names, url), "readOnly": True}


class MoneyObjectSchema(OpenApiSerializerFieldExtension):
    target_class = MoneyObjectField

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        amount = {"type": "string", "pattern": r"^\d{1,13}(\.\d{1,2})?$", "example": "19.99"}
        currency = {"type": "string", "const": settings.STORE_CURRENCY, "description": "ISO 4217."}
        properties = {"amount": amount, "currency": currency}
        return {"type": "object", "required": list(properties), "properties": properties}


class UrlSchema(OpenApiSerializerFieldExtension):
    target_class = "ecommerce.serializers.UrlField"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {"type": "string", "format": "uri", "readOnly": True}


def finish(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Give operations their headers, vendor types and errors, schemas their form in XML (a postprocessing hook)."""
    errors = Errors(generator.api_version)
    components = result["components"]
    # Pages of v1 are linked in the body.
    components["headers"] = {name: HEADERS[name] for name in HEADERS if errors.is_problem or name != "Link"}
    responses = components.setdefault("responses", {})
    for path, methods in result["paths"].items():
        for details in methods.values():
            _name_headers(details)
            _name_vendor_types(details, generator.api_version)
            for status in _statuses(path, details):
                responses[f"Error{status}"] = errors.response(status)
                details["responses"][str(status)] = {"$ref": f"#/components/responses/Error{status}"}
    components["schemas"] = {name: as_xml(schema) for name, schema in components["schemas"].items()}
    components["schemas"][errors.name] = errors.schema
    return result


def keep_versioned(endpoints: list[Any]) -> list[Any]:
    """Leave out the paths without a version: they are the same, for who names it in Accept (a preprocessing hook)."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/api/{version}/")]


def _name_headers(details: dict[str, Any]) -> None:
    """Name the headers of the answers that are no refusals, while an operation has no others."""
    parameters = {parameter["name"] for parameter in details.get("parameters", ())}
    told = {*ALWAYS_TOLD, *details.pop(HEADERS_EXTENSION, ())}
    told |= {"ETag"} if 304 in details.get(ERRORS_EXTENSION, ()) else set()
    told |= {"Link"} if "cursor" in parameters else set()
    for status, response in details["responses"].items():
        response["headers"] = headers_named({*told, "Location"} if status == "201" else told)


def _name_vendor_types(details: dict[str, Any], version: str) -> None:
    """Name JSON and XML by the version's own types too, after the plain ones: the first is what a client takes."""
    for message in (details.get("requestBody", {}), *details["responses"].values()):
        content = message.get("content", {})
        plain = {kind.format: content[kind.media_type] for kind in RENDERERS if kind.media_type in content}
        for format, described in plain.items():
            content[vendor_type(version, format)] = {"schema": described["schema"]}


def _description(serializer_class: type) -> str:
    """Return the docstring of a serializer, or of the one that it is a version of."""
    kinds = [kind for kind in serializer_class.__mro__ if not kind.__module__.startswith(INTERNAL)]
    return next((inspect.cleandoc(kind.__doc__) for kind in kinds if kind.__doc__), "")


def _statuses(path: str, details: dict[str, Any]) -> list[int]:
    own = details.pop(ERRORS_EXTENSION, ())
    body = WITH_BODY if "requestBody" in details else ()
    found = (404,) if "{" in path else ()
    return sorted({*ALWAYS, *own, *body, *found})


class Errors:
    """What a version refuses with."""

    def __init__(self, version: str) -> None:
        self.is_problem = version == V2
        self.name, self.schema = ("Problem", PROBLEM) if self.is_problem else ("Error", ERROR)
        base = MEDIA_TYPE + "+" if self.is_problem else "application/"
        self.media_types = [f"{base}{format}" for format in ("json", "xml")]

    def response(self, status: int) -> dict[str, Any]:
        more = {304: ["ETag"], 429: ["Retry-After"], 503: ["Retry-After"]}.get(status, [])
        headers = headers_named([*ALWAYS_TOLD, *more])
        if status == 304:
            return {"description": "Not modified: the client has it.", "headers": headers}
        schema = {"$ref": f"#/components/schemas/{self.name}"}
        content: dict[str, Any] = {media_type: {"schema": schema} for media_type in self.media_types}
        content[self.media_types[0]]["example"] = self._example(status)
        title = "A condition of the request does not hold" if status == 412 else TITLES[status]
        return {"description": title, "content": content, "headers": headers}

    def _example(self, status: int) -> dict[str, Any]:
        code, title = CODES[status], TITLES[status]
        example: dict[str, Any] = {"error": title, "code": code}
        if self.is_problem:
            facts = {"type": f"/api/problems/{code}", "title": CATALOGUE[code].title, "status": status}
            example = {**facts, "detail": title, "code": code, "instance": "/api/v2/products/7"}
        retry = {"retry_after": 2} if status in (429, 503) else {}
        return {**example, "request_id": REQUEST_ID, **retry}
