"""The fast path of /graphql, without Django's handler: for plain POSTs of queries that have a plan.

A request is plain if this path understands all its headers, and if it succeeds. If its document has no plan yet, the
request takes the ordinary path, because no document is parsed before its request is counted. Both paths send the same
headers and the same body, byte for byte.
"""

import orjson
from django.db import Error

from core.budgets import rate_limit_fields
from core.errors import DomainError
from core.postgresql.replicas import reads_may_lag
from core.protocols.graph.params import checked_params, parsed_body
from core.protocols.graph.plans.plan_cache import PlanCache
from core.protocols.graph.renderers import GraphQLResponseRenderer, LegacyRenderer
from core.protocols.graph.view import OPERATION_RENDERERS, GraphQLView, executed_body
from core.protocols.rest.caching import VARY
from core.rates import limits
from core.runtime import singleton
from core.server.asgi import Scope, arrived_at
from core.server.bridge.fast_path import ORDINARY, FastPathResult
from core.server.bridge.plain_request import READ_BY_VIEWS, has_json, headers_in, plain_request_of, response_to
from core.server.bridge.responses import encoded
from core.server.logs import valid_request_id
from core.server.negotiation import preferred

REFUSED_HEADERS = READ_BY_VIEWS - {"content-type", "content-length"}
MAX_PLAIN_BYTES = 20_000  # of a body: it is parsed before the request is counted
OFFERS = tuple(renderer.media_type for renderer in OPERATION_RENDERERS)
CONTENT_TYPES = {
    renderer.media_type: (b"content-type", f"{renderer.media_type}; charset={renderer.charset}".encode())
    for renderer in (LegacyRenderer, GraphQLResponseRenderer)
}
HEADERS = encoded(
    {
        "Vary": ", ".join(VARY),
        "Allow": ", ".join(name.upper() for name in GraphQLView.http_method_names),
        "Cache-Control": "no-store",
    }.items()
)


def graphql_fast_path(scope: Scope, body: bytes) -> FastPathResult:
    started_at = arrived_at(scope)
    headers = headers_in(scope, REFUSED_HEADERS) if scope["method"] == "POST" else None
    if headers is None or not has_json(headers) or len(body) > MAX_PLAIN_BYTES:
        return ORDINARY
    content_type = CONTENT_TYPES.get(preferred(headers.get("accept"), OFFERS) or "")
    if content_type is None:
        return ORDINARY
    budget = None
    try:
        params = checked_params(parsed_body(body))
        plan = singleton(PlanCache).get(params.query, params.operation_name)
        if plan is None:
            return ORDINARY
        plain = plain_request_of(scope, headers)
        budget = limits.spend_request(user_id=plain.user.pk, address=plain.address)
        with reads_may_lag(not plain.has_token):
            planned = plan.result(plain.user, params.variables)
    except (DomainError, Error):
        return FastPathResult(budget=budget)
    if planned is None:
        return FastPathResult(budget=budget)
    result = orjson.dumps(executed_body(planned.data, planned.cost, budget))
    sent = [content_type, *HEADERS, *encoded(rate_limit_fields(budget).items())]
    return FastPathResult(
        response_to(plain, valid_request_id(plain.request_id), 200, sent, result, started_at, plan.label)
    )
