"""/graphql: GraphQL over HTTP (the GraphQL foundation's specification of that name)."""

from typing import Any, NamedTuple

from django.http import HttpResponse
from graphql import ExecutionResult, OperationDefinitionNode, OperationType, get_operation_ast
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import set_rollback

from ecommerce.budgets import Budget, extension_of, fields_of
from ecommerce.errors import DomainError, InvalidInput
from ecommerce.graph.cost import MAX_COST, cost_of
from ecommerce.graph.documents import Refused, prepared
from ecommerce.graph.errors import body_of
from ecommerce.graph.execution import run, source_of
from ecommerce.graph.limits import check_body, check_variables
from ecommerce.graph.page import page
from ecommerce.graph.renderers import (
    EventsRenderer,
    GraphQLResponseRenderer,
    LegacyRenderer,
    Negotiation,
    PageRenderer,
    takes_events,
)
from ecommerce.graph.streams import SubscriptionStream
from ecommerce.graph.subscriptions import Operation, Subscription
from ecommerce.rest.errors import as_domain_error, headers_of, log
from ecommerce.rest.parsers import body_of as bytes_of
from ecommerce.rest.parsers import loads
from ecommerce.rest.views import ShopView
from ecommerce.schema import schema

PREFLIGHT = "GraphQL-Require-Preflight"  # no page of another site can send it without asking first


class JSONParser(BaseParser):
    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        body = bytes_of(stream)
        check_body(body)
        return loads(body, parse_float=float)


class Question(NamedTuple):
    """The parameters of a request."""

    query: str
    variables: dict[str, Any]
    operation_name: str | None


class GraphQLView(ShopView):
    schema = None
    versioning_class = None
    http_method_names = ["get", "head", "post"]
    parser_classes = [JSONParser]
    content_negotiation_class = Negotiation

    def get_renderers(self) -> list[BaseRenderer]:
        """Offer the page to who asks for nothing else: an answer written as HTML would run what a client sent."""
        renderers: list[BaseRenderer] = [LegacyRenderer(), GraphQLResponseRenderer(), EventsRenderer()]
        is_question = self.request.method == "POST" or PREFLIGHT in self.request.headers
        return renderers if is_question else [*renderers, PageRenderer()]

    @property
    def default_response_headers(self) -> dict[str, str]:
        return super().default_response_headers | {"Cache-Control": "no-store"}

    def get(self, request: Request) -> Response | HttpResponse | SubscriptionStream:
        if request.accepted_renderer.format == "html":
            return page(request._request)
        if PREFLIGHT not in request.headers:
            raise InvalidInput(f"GET needs the header {PREFLIGHT}, with any value")
        params: dict[str, Any] = request.query_params.dict()
        for name in ("variables", "extensions"):
            if name in params:
                params[name] = loads(params[name], parse_float=float) if params[name] else None
        return self._answer(_question(params))

    def post(self, request: Request) -> Response | SubscriptionStream:
        return self._answer(_question(request.data))

    def _answer(self, question: Question) -> Response | SubscriptionStream:
        query, variables, name = question
        try:
            document = prepared(query)
            node = self._operation(document, name)
            cost = cost_of(schema.graphql_schema, document, node, variables)
        except Refused as refused:
            return self._refused(body_of(refused.errors))
        except DomainError as refusal:
            return self._refused(body_of([refusal]))
        if node.operation is OperationType.SUBSCRIPTION:
            return self._followed(Operation(query, document, node, variables, cost))
        return self._executed(run(document, name, variables, self.request), cost)

    def _operation(self, document: Any, name: str | None) -> OperationDefinitionNode:
        operation = get_operation_ast(document, name)
        if operation is None:
            raise InvalidInput("operationName names no operation" if name else "operationName must say which operation")
        if operation.operation is OperationType.SUBSCRIPTION and not takes_events(self.request):
            raise InvalidInput("A subscription is answered as text/event-stream, or on a WebSocket")
        if self.request.method != "POST" and operation.operation is not OperationType.QUERY:
            self.headers["Allow"] = "POST"
            raise MethodNotAllowed(self.request.method, f"A {operation.operation.value} must be sent by POST")
        return operation

    def _executed(self, result: ExecutionResult, cost: int) -> Response:
        if result.data is None and result.errors and not any(error.path for error in result.errors):
            return self._refused(body_of(result.errors))  # the variables do not fit: nothing ran
        body: dict[str, Any] = body_of(result.errors) if result.errors else {}
        told = {"cost": {"requested": cost, "max": MAX_COST}, **extension_of(self.budget)}
        return Response(body | {"data": result.data, "extensions": told})

    def _followed(self, operation: Operation) -> Response | SubscriptionStream:
        source = source_of(operation.document, operation.name, operation.variables, self.request)
        if isinstance(source, ExecutionResult):
            return self._refused(body_of(source.errors or ()))
        return SubscriptionStream(self.request, Subscription(operation, self.request.user, source))

    def _refused(self, body: dict[str, Any]) -> Response:
        # With application/json a client can't tell an answer of ours from one of a proxy: 200 says that it is ours.
        status = 400 if self.request.accepted_renderer.format == "graphql" else 200
        return Response(with_budget(body, self.budget), status=status)

    def get_exception_handler(self) -> Any:
        return _answer_to_error


def with_budget(body: dict[str, Any], budget: Budget | None) -> dict[str, Any]:
    """Say in a body of errors, too, what is left of the caller's budget."""
    told = extension_of(budget)
    return body | {"extensions": told} if told else body


def _question(params: Any) -> Question:
    """Read the parameters. Raises InvalidInput for one of the wrong type."""
    if not isinstance(params, dict):
        raise InvalidInput("The body must be one JSON object: batches are not served")
    query, name = params.get("query"), params.get("operationName")
    if not isinstance(query, str) or not query:
        raise InvalidInput("query must be a document")
    if name is not None and not isinstance(name, str):
        raise InvalidInput("operationName must be a string")
    for field in ("variables", "extensions"):
        if params.get(field) is not None and not isinstance(params[field], dict):
            raise InvalidInput(f"{field} must be an object")
    variables = params.get("variables") or {}
    check_variables(variables)
    return Question(query, variables, name or None)


def _answer_to_error(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler: what is refused before there is a document to look at."""
    set_rollback()
    refusal = as_domain_error(error)
    if refusal is None:
        log.error("Unhandled error", exc_info=error)
        refusal = DomainError()
    budget = context["view"].budget or refusal.budget
    body = with_budget(body_of([refusal]), budget)
    response = Response(body, status=refusal.status, headers={**headers_of(refusal), **fields_of(budget)})
    request = context["request"]
    if getattr(request, "accepted_renderer", None) and request.accepted_renderer.format in ("html", "events"):
        request.accepted_renderer, request.accepted_media_type = LegacyRenderer(), LegacyRenderer.media_type
    return response
