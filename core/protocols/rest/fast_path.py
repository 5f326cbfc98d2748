"""The fast path of REST: it responds from compiled reads, without Django's handler.

It answers a GET of one row or one page if the request has no body, if it understands all headers and parameters
(If-None-Match included), and if the request succeeds. For POSTs see `creating`. All other requests take the ordinary
path. Both paths send the same headers and the same body, byte for byte.
"""

from collections.abc import Iterable, Mapping
from inspect import unwrap
from typing import Any

from django.db import Error
from rest_framework.routers import SimpleRouter

from core.errors import DomainError
from core.plans.plan import plan_of
from core.postgresql.replicas import reads_may_lag
from core.protocols.rest.conditional import BODY_HEADERS, is_known
from core.protocols.rest.creating import PlainCreation
from core.protocols.rest.deprecation import is_deprecated
from core.protocols.rest.fast_reads import NUMBER, PAGES, Detail, ListRoute, allowed
from core.protocols.rest.negotiation import is_json_preferred
from core.protocols.rest.routes import ID
from core.protocols.rest.versions import VERSIONS
from core.protocols.rest.views import ShopViewSet
from core.rates import limits
from core.serializers import in_version
from core.server.asgi import Scope, arrived_at
from core.server.bridge.fast_path import ORDINARY, FastPathResult
from core.server.bridge.plain_request import READ_BY_VIEWS, has_json, headers_in, plain_request_of, response_to
from core.server.logs import valid_request_id

REFUSED_HEADERS = READ_BY_VIEWS - {"if-none-match", "if-modified-since", "content-type", "content-length"}
BODY_HEADER_NAMES = frozenset(name.lower().encode() for name in BODY_HEADERS)


class RestFastPath:
    """Finds the route of a request by its path. A view that overrides `list` or `retrieve` has no route for it."""

    def __init__(self, router: SimpleRouter, patterns: Iterable[Any]) -> None:
        """Read the routes of a router, and the URL patterns of child lists, such as the orders of a user."""
        self._child_lists: dict[tuple[str, str], ListRoute] = {}  # by the path before and after the parent's id
        self._pages: dict[str, ListRoute] = {}
        self._details: dict[str, Detail] = {}
        self._creations: dict[str, PlainCreation] = {}
        for prefix, view, basename in router.registry:
            for route in router.get_routes(view):
                methods = router.get_method_map(view, route.mapping)
                for version in VERSIONS:
                    self._add(f"/api/{version}/{prefix}", view, version, methods, route.name.format(basename=basename))
        for pattern in patterns:
            child_view: Any = getattr(pattern.callback, "cls", None)
            if getattr(child_view, "parent", None):
                for version in VERSIONS:
                    path, methods = f"/api/{version}/{pattern.pattern}", pattern.callback.actions
                    self._add_child_list(path, child_view, version, methods, pattern.name)

    def _add_child_list(self, path: str, view: Any, version: str, methods: Mapping[str, str], name: str) -> None:
        plan = plan_of(in_version(version, view.serializer_class))
        if _method_for_get(view, methods) is ShopViewSet.list and plan:
            before, _, after = path.partition(f"/<{ID}:pk>/")
            self._child_lists[before, after] = PAGES[version](view, version, plan, methods, name)

    def _add(self, path: str, view: Any, version: str, methods: Mapping[str, str], name: str) -> None:
        method = _method_for_get(view, methods)
        plan = plan_of(in_version(version, view.serializer_class))
        row_plan = plan_of(in_version(version, view.row_serializer_class or view.serializer_class))
        if method is ShopViewSet.retrieve and plan:
            self._details[path] = Detail(view, version, plan, methods)
        if method is ShopViewSet.list and row_plan:
            self._pages[path] = PAGES[version](view, version, row_plan, methods, name)
        if getattr(view, "creation", None) and methods.get("post") == "create" and plan:
            self._creations[path] = PlainCreation(view, version, plan, allowed(view, methods))

    def __call__(self, scope: Scope, body: bytes) -> FastPathResult:
        if scope["method"] == "POST":
            creation = self._creations.get(scope["path"])
            return ORDINARY if creation is None or is_deprecated(creation.version) else creation.answer(scope, body)
        started_at = arrived_at(scope)
        route = self._route_of(scope["path"])
        if route is None or is_deprecated(route.version) or scope["method"] != "GET" or body:
            return ORDINARY
        budget = None
        try:
            headers = _plain_headers(scope)
            if headers is None or not is_json_preferred(headers, route.offers):
                return ORDINARY
            plain = plain_request_of(scope, headers)
            if not route.rule(plain.user):
                return ORDINARY
            budget = limits.spend_request(user_id=plain.user.pk, address=plain.address)
            with reads_may_lag(not plain.has_token):
                shown = route.representation(plain)
        except (DomainError, Error):
            return FastPathResult(budget=budget)
        if shown is None:
            return FastPathResult(budget=budget)
        sent, request_id = route.headers_of(plain, shown, budget), valid_request_id(plain.request_id)
        if is_known(headers.get("if-none-match"), {shown.tag}):
            kept = [header for header in sent if header[0] not in BODY_HEADER_NAMES]
            return FastPathResult(response_to(plain, request_id, 304, kept, b"", started_at))
        return FastPathResult(response_to(plain, request_id, 200, sent, shown.body, started_at))

    def knows(self, scope: Scope) -> bool:
        """Whether a request has a route of the fast path."""
        known = self._creations.get if scope["method"] == "POST" else self._route_of
        return known(scope["path"]) is not None

    def _route_of(self, path: str) -> ListRoute | Detail | None:
        if found := self._pages.get(path):
            return found
        prefix, _, last = path.rpartition("/")
        if NUMBER.fullmatch(last):
            return self._details.get(prefix)
        before, _, pk = prefix.rpartition("/")
        return self._child_lists.get((before, last)) if NUMBER.fullmatch(pk) else None


def _method_for_get(view: Any, methods: Mapping[str, str]) -> object:
    """Return the view's method for GET, without drf-spectacular's wrapper; the view itself if it has none."""
    return unwrap(getattr(view, methods.get("get", ""), view))


def _plain_headers(scope: Scope) -> dict[str, str] | None:
    """Return the headers by name; None if only the view understands one of them."""
    headers = headers_in(scope, REFUSED_HEADERS)
    if headers is None or ("content-type" in headers and not has_json(headers)):
        return None
    # If-Modified-Since is ignored beside If-None-Match (RFC 9110, 13.2.2). Alone, it needs the view.
    return None if "if-modified-since" in headers and "if-none-match" not in headers else headers
