"""The fast path of POSTs that create a row, for views with a `creation`.

A request is plain if its body is JSON that `plainly_checked` accepts (values of the usual types, certainly valid), and
if it has no unusual headers except the token and the idempotency key. If the action raises an exception, it is not
called again: the ordinary path raises the same exception, and writes the refusal.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson
from django.conf import settings
from django.db import Error

from core.actors import Actor
from core.budgets import Budget, rate_limit_fields
from core.errors import DomainError
from core.permissions import rule_of
from core.plans.plan import ReadPlan
from core.protocols.rest.caching import VARY
from core.protocols.rest.links import links
from core.protocols.rest.negotiation import is_json_preferred, offers_of
from core.rates import limits
from core.serializers import SerializerClass, in_version, plainly_checked
from core.server import logs
from core.server.asgi import Scope, arrived_at
from core.server.bridge.fast_path import ORDINARY, FastPathResult
from core.server.bridge.plain_request import (
    READ_BY_VIEWS,
    PlainRequest,
    has_json,
    headers_in,
    plain_request_of,
    response_to,
)
from core.server.bridge.responses import WsgiResponse, encoded
from core.validation.strict_json import loads

IDEMPOTENCY_KEY = "idempotency-key"
REFUSED_HEADERS = READ_BY_VIEWS - {"content-type", "content-length", IDEMPOTENCY_KEY}


class Creation(NamedTuple):
    """How a view creates a row: the serializer of the input, the function, and the route of the new row."""

    input_class: SerializerClass
    create: Callable[[Actor, Mapping[str, Any], str | None], Any]  # the caller, the valid input, the idempotency key
    route: str


class PlainCreation:
    """The POST of one resource in one version."""

    def __init__(self, view: Any, version: str, plan: ReadPlan, allow: str) -> None:
        self.creation, self.rule = view.creation, rule_of(view.create)
        self.version, self.plan, self.allow, self.offers = version, plan, allow, offers_of(view, version)
        self.input_class = in_version(version, self.creation.input_class)

    def answer(self, scope: Scope, body: bytes) -> FastPathResult:
        started_at = arrived_at(scope)
        try:
            values = self._values_of(scope, body)
            if values is None:
                return ORDINARY
            headers = headers_in(scope, REFUSED_HEADERS)
            if headers is None or not has_json(headers) or not is_json_preferred(headers, self.offers):
                return ORDINARY
            plain = plain_request_of(scope, headers)
            if not self.rule(plain.user):
                return ORDINARY
            budget = limits.spend_request(user_id=plain.user.pk, address=plain.address)
        except (DomainError, Error):
            return ORDINARY
        with logs.in_request(plain.request_id, "rest") as request_id:
            try:
                row = self.creation.create(plain.user, values, headers.get(IDEMPOTENCY_KEY))
            except Exception as error:  # noqa: BLE001  # the ordinary path raises any exception again
                return FastPathResult(budget=budget, error=error)
            return FastPathResult(self._response(plain, request_id, row, budget, started_at))

    def _values_of(self, scope: Scope, body: bytes) -> dict[str, Any] | None:
        """Return the valid input; None if the ordinary path must check it. Raises InvalidInput."""
        if scope["query_string"] or not 0 < len(body) <= settings.MAX_BODY_BYTES:
            return None
        return plainly_checked(self.input_class, loads(body))

    def _response(
        self, plain: PlainRequest, request_id: str, row: Any, budget: Budget | None, started_at: float
    ) -> WsgiResponse:
        urls = links(plain.site, self.version)
        body = orjson.dumps(self.plan.from_objects([row], urls)[0])
        before, after = urls(self.creation.route)
        headers = {
            "Content-Type": "application/json",
            "Location": f"{before}{row.pk}{after}",
            "Vary": ", ".join(VARY),
            "Allow": self.allow,
            "Cache-Control": "no-store",
            **rate_limit_fields(budget),
        }
        return response_to(plain, request_id, 201, encoded(headers.items()), body, started_at)
