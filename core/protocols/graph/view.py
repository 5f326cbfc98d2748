"""The endpoint /graphql, after the GraphQL Foundation's specification "GraphQL over HTTP"."""

from collections.abc import Callable, Mapping
from typing import IO, Any

from django.http import HttpResponse
from graphql import DocumentNode, ExecutionResult, OperationDefinitionNode, OperationType, get_operation_ast
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import set_rollback

from core.budgets import Budget, extension_of, rate_limit_fields
from core.errors import DomainError, InvalidInput, Unavailable
from core.faults import refusal_for
from core.metrics.facts import note_operation
from core.protocols.clients import caller_in
from core.protocols.faults import headers_of
from core.protocols.graph.cost import MAX_COST, cost_of
from core.protocols.graph.documents import InvalidDocument, label_of, prepared
from core.protocols.graph.errors import graphql_body
from core.protocols.graph.execution import run, subscription_spec_of
from core.protocols.graph.live.streams import SubscriptionStream
from core.protocols.graph.live.subscriptions import Operation, Subscription
from core.protocols.graph.page import page
from core.protocols.graph.params import GraphQLParams, checked_params, parsed_body
from core.protocols.graph.plans.plan_cache import PlanCache
from core.protocols.graph.renderers import (
    EventsRenderer,
    GraphQLResponseRenderer,
    LegacyRenderer,
    PageRenderer,
    accepts_events,
)
from core.protocols.graph.served_schema import served_schema
from core.protocols.graph.variables import with_json_values
from core.protocols.message_pages import outage_response
from core.protocols.rest.views import ShopView
from core.rest_framework_internals import django_request
from core.runtime import singleton
from core.server.negotiation import Negotiation
from core.validation.strict_json import finite_float, loads, utf8_body_of

PREFLIGHT = "GraphQL-Require-Preflight"  # a page of another site can't send it without a CORS preflight

Handler = Callable[[Exception, dict[str, Any]], Response | HttpResponse]


class JSONParser(BaseParser):
    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return parsed_body(utf8_body_of(stream, media_type))


OPERATION_RENDERERS: tuple[type[BaseRenderer], ...] = (LegacyRenderer, GraphQLResponseRenderer, EventsRenderer)


class GraphQLView(ShopView):
    schema = None
    versioning_class = None
    http_method_names = ["get", "head", "post"]
    parser_classes = [JSONParser]
    content_negotiation_class = Negotiation

    def get_renderers(self) -> list[BaseRenderer]:
        """Offer HTML only for the page: if a result were HTML, a browser would run scripts in the request's values."""
        renderers: list[BaseRenderer] = [renderer() for renderer in OPERATION_RENDERERS]
        is_operation = self.request.method == "POST" or PREFLIGHT in self.request.headers
        return renderers if is_operation else [*renderers, PageRenderer()]

    @property
    def default_response_headers(self) -> dict[str, str]:
        return super().default_response_headers | {"Cache-Control": "no-store"}

    def get(self, request: Request) -> Response | HttpResponse | SubscriptionStream:
        if request.accepted_renderer.format == "html":
            return page(django_request(request))
        if PREFLIGHT not in request.headers:
            raise InvalidInput(f"GET needs the header {PREFLIGHT}, with any value")
        params: dict[str, Any] = request.query_params.dict()
        for name in ("variables", "extensions"):
            if name in params:
                params[name] = loads(params[name], parse_float=finite_float) if params[name] else None
        return self._answer(checked_params(params))

    def post(self, request: Request) -> Response | SubscriptionStream:
        return self._answer(checked_params(request.data))

    def _answer(self, params: GraphQLParams) -> Response | SubscriptionStream:
        query, variables, name = params
        if plan := singleton(PlanCache).get(query, name):
            note_operation(plan.label)
            planned = plan.result(self.request.user, variables)
            if planned is not None:
                return Response(executed_body(planned.data, planned.cost, self.budget))
        try:
            document = prepared(query)
            node = self._operation(document, name)
            note_operation(label_of(node))
            cost = cost_of(served_schema(), document, node, variables)
        except InvalidDocument as refused:
            return self._refused(graphql_body(refused.errors))
        except DomainError as refusal:
            return self._refused(graphql_body([refusal]))
        if node.operation is OperationType.SUBSCRIPTION:
            return self._subscribed(Operation(query, document, node, variables, cost))
        singleton(PlanCache).learn(query, name, document, node)
        return self._executed(run(document, name, variables, self.request), node, variables, cost)

    def _operation(self, document: DocumentNode, name: str | None) -> OperationDefinitionNode:
        operation = get_operation_ast(document, name)
        if operation is None:
            raise InvalidInput(
                "operationName is unknown" if name else "operationName is required for several operations"
            )
        if operation.operation is OperationType.SUBSCRIPTION and not accepts_events(self.request):
            raise InvalidInput("A subscription needs Accept: text/event-stream, or a WebSocket")
        if self.request.method != "POST" and operation.operation is not OperationType.QUERY:
            self.headers["Allow"] = "POST"
            raise MethodNotAllowed(self.request.method or "", f"A {operation.operation.value} must be sent by POST")
        return operation

    def _executed(
        self, result: ExecutionResult, node: OperationDefinitionNode, variables: Mapping[str, object], cost: int
    ) -> Response:
        if result.data is None and result.errors and not any(error.path for error in result.errors):
            return self._refused(graphql_body(with_json_values(result.errors, node, variables)))  # nothing ran
        body: dict[str, Any] = graphql_body(result.errors) if result.errors else {}
        return Response(body | executed_body(result.data, cost, self.budget))

    def _subscribed(self, operation: Operation) -> Response | SubscriptionStream:
        spec = subscription_spec_of(operation.document, operation.name, operation.variables, self.request)
        if isinstance(spec, ExecutionResult):
            errors = with_json_values(spec.errors or (), operation.node, operation.variables)
            return self._refused(graphql_body(errors))
        return SubscriptionStream(self.request, Subscription(operation, caller_in(self.request), spec))

    def _refused(self, body: dict[str, object]) -> Response:
        # With application/json, an error status could come from a proxy; 200 shows that this server responded.
        status = 400 if self.request.accepted_renderer.format == "graphql" else 200
        return Response(with_budget(body, self.budget), status=status)

    def get_exception_handler(self) -> Handler:
        return _exception_response


def executed_body(result: dict[str, Any] | None, cost: int, budget: Budget | None) -> dict[str, Any]:
    """Return the body of an executed operation, without its errors."""
    extensions = {"cost": {"requested": cost, "max": MAX_COST}, **extension_of(budget)}
    return {"data": result, "extensions": extensions}


def with_budget(body: dict[str, object], budget: Budget | None) -> dict[str, object]:
    """Add the caller's remaining budget to a body of errors, if it is known."""
    extension = extension_of(budget)
    return body | {"extensions": extension} if extension else body


def _exception_response(error: Exception, context: dict[str, Any]) -> Response | HttpResponse:
    """DRF's exception handler, for errors outside of the document's execution."""
    set_rollback()
    refusal = refusal_for(error)
    request = context["request"]
    format = request.accepted_renderer.format if getattr(request, "accepted_renderer", None) else ""
    if format == "html" and refusal.code == Unavailable.code:
        outage = outage_response(refusal)
        return HttpResponse(outage.content, status=refusal.status, headers=outage.headers)
    budget = context["view"].budget or refusal.budget
    body = with_budget(graphql_body([refusal]), budget)
    response = Response(body, status=refusal.status, headers={**headers_of(refusal), **rate_limit_fields(budget)})
    if format in ("html", "events"):
        request.accepted_renderer, request.accepted_media_type = LegacyRenderer(), LegacyRenderer.media_type
    return response
