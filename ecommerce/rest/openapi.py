"""The OpenAPI document: what it says of every operation beyond what the code shows."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from ecommerce.errors import CATALOGUE

ALWAYS = (400, 401, 406, 429, 500, 503)
WITH_BODY = (413, 415)
ERRORS_EXTENSION = "x-errors"
TITLES = {412: "If-Match does not match", **{s.http: s.title for s in reversed(CATALOGUE.values())}, 409: "Conflict"}
CODES = {412: "version_mismatch", **{s.http: code for code, s in reversed(CATALOGUE.items())}}
REQUEST_ID = "0f8fad5bd9cb469fa165708950a4c3d1"

ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error", "code", "request_id"],
    "properties": {
        "error": {"type": "string", "description": "What is wrong, in words."},
        "code": {"type": "string", "enum": list(CATALOGUE), "description": "What is wrong, for a program."},
        "request_id": {"type": "string", "description": "Names this request in the server's log."},
        "errors": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "One text for each field that failed.",
        },
        "details": {"type": "object", "description": "Figures for a program, such as the units left."},
        "retry_after": {"type": "integer", "description": "Seconds, as in the header Retry-After."},
    },
}


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
    description: str = "",
    name: str | None = None,
    media_type: str = "application/json",
) -> Any:
    """Describe an operation: the serializer it reads with an example `sent`, the one it answers with an example `got`.

    `errors` are the statuses that it may answer beside those that every operation may; `media_type` is of `got`;
    `name` is for programs, where the one that follows from the path is another operation's too.
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
        extensions={ERRORS_EXTENSION: sorted(errors)},
    )


def header(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=description)


class Schema(AutoSchema):
    """Names the list in a page as the view does, and asks for a token where a rule does."""

    def _get_paginator(self) -> Any:
        paginator = super()._get_paginator()
        if paginator:
            paginator.list_name = self.view.list_name
            paginator.list_extra = getattr(self.view, "list_extra", {})
        return paginator

    def get_auth(self) -> list[dict[str, Any]]:
        bearer: dict[str, list[str]] = {"bearer": []}
        return [bearer] if self.view.action_name() in self.view.rules else [bearer, {}]

    def get_operation_id(self) -> str:
        return super().get_operation_id().removeprefix("api_").replace("v1_", "", 1)


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


class UrlSchema(OpenApiSerializerFieldExtension):
    target_class = "ecommerce.serializers.UrlField"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {"type": "string", "format": "uri", "readOnly": True}


def add_errors(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Give every operation the errors it may answer (drf-spectacular's postprocessing hook)."""
    components = result["components"]
    components["schemas"]["Error"] = ERROR_SCHEMA
    responses = components.setdefault("responses", {})
    for path, methods in result["paths"].items():
        for details in methods.values():
            for status in _statuses(path, details):
                responses[f"Error{status}"] = _error_response(status)
                details["responses"][str(status)] = {"$ref": f"#/components/responses/Error{status}"}
    return result


def _statuses(path: str, details: dict[str, Any]) -> list[int]:
    own = details.pop(ERRORS_EXTENSION, ())
    body = WITH_BODY if "requestBody" in details else ()
    found = (404,) if "{" in path else ()
    return sorted({*ALWAYS, *own, *body, *found})


def _error_response(status: int) -> dict[str, Any]:
    if status == 304:
        return {"description": "Not modified: the client has it."}
    example = {"error": TITLES[status], "code": CODES[status], "request_id": REQUEST_ID}
    response: dict[str, Any] = {
        "description": TITLES[status],
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}, "example": example}},
    }
    if status in (429, 503):
        example["retry_after"] = 2
        response["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return response
