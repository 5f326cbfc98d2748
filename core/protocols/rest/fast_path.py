"""The fast path of REST: it responds from compiled reads, without Django's handler.

It answers a GET of one row, or of an unfiltered page of v1, if the request has no body, no header and no parameter that
only the views understand, and if it succeeds. It knows If-None-Match. For POSTs see `creating`. All others take the
ordinary path. Both paths send the same headers and the same body, byte for byte.
"""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from inspect import unwrap
from typing import Any, NamedTuple

import orjson
from django.db import Error
from rest_framework.routers import SimpleRouter

from core.budgets import Budget, rate_limit_fields
from core.errors import DomainError
from core.lists.filters import filtered
from core.lists.keyset import DEFAULT_PER_PAGE, MAX_PER_PAGE, sort_in
from core.permissions import rule_of
from core.plans.plan import ReadPlan, plan_of
from core.plans.reads import Reads
from core.plans.statements import Row
from core.postgresql.replicas import reads_may_lag
from core.protocols.rest.caching import VARY, directives_of, is_shared
from core.protocols.rest.conditional import BODY_HEADERS, date_of, is_known, row_tag, settled_at, tag_of_content
from core.protocols.rest.creating import PlainCreation
from core.protocols.rest.deprecation import is_deprecated
from core.protocols.rest.links import links
from core.protocols.rest.pagination import numbered
from core.protocols.rest.versions import V1, VERSIONS
from core.protocols.rest.views import ShopViewSet
from core.rates import limits
from core.serializers import in_version
from core.server.asgi import Scope
from core.server.bridge.fast_path import ORDINARY, FastPathResult
from core.server.bridge.plain_request import PLAIN_HEADERS, PlainRequest, headers_in, plain_request_of, response_to
from core.server.bridge.responses import Headers, encoded

HEADERS = PLAIN_HEADERS | {"if-none-match"}
CONTENT_TYPE, VARIES = (b"content-type", b"application/json"), (b"vary", ", ".join(VARY).encode())
OF_BODIES = frozenset(name.lower().encode() for name in BODY_HEADERS)
ID = re.compile(r"[1-9]\d{0,8}", re.ASCII)
PAGE_QUERY = re.compile(r"(?:page=(?P<page>[1-9]\d{0,8}))?(?:(?:^|&)per_page=(?P<size>[1-9]\d{0,2}))?", re.ASCII)


class _Representation(NamedTuple):
    body: bytes
    tag: str
    last_modified: str | None = None

    @property
    def validators(self) -> Headers:
        tag = (b"etag", self.tag.encode())
        return [tag] if self.last_modified is None else [tag, (b"last-modified", self.last_modified.encode())]


class _Route:
    """One GET of one resource in one version."""

    def __init__(self, view: Any, version: str, action: str, plan: ReadPlan, methods: Iterable[str]) -> None:
        self.view, self.version, self.plan = view, version, plan
        self.is_open = action in view.open_to_caches
        self.allow = (b"allow", _allowed(view, methods).encode())

    def headers_of(self, plain: PlainRequest, shown: _Representation, budget: Budget | None) -> Headers:
        kept = directives_of(is_open=self.is_open and not plain.has_token)
        counted = () if is_shared(kept) else encoded(rate_limit_fields(budget).items())
        return [CONTENT_TYPE, *shown.validators, VARIES, self.allow, (b"cache-control", kept.encode()), *counted]

    def represented(self, rows: Sequence[Row], plain: PlainRequest) -> list[dict[str, Any]]:
        return self.plan.from_tuples(rows, links(plain.site, self.version))

    def representation(self, plain: PlainRequest) -> _Representation | None:
        """Return the response's body and headers; None if the ordinary path must respond."""
        raise NotImplementedError


def _allowed(view: Any, methods: Iterable[str]) -> str:
    names = {*methods, "head", "options"}
    return ", ".join(name.upper() for name in view.http_method_names if name in names)


class _Detail(_Route):
    """One row; its id is the last part of the path."""

    def __init__(self, view: Any, version: str, action: str, plan: ReadPlan, methods: Iterable[str]) -> None:
        super().__init__(view, version, action, plan, methods)
        validators = ("version", "updated_at") if view.shows_version else ()
        columns = [*plan.columns, *(name for name in validators if name not in plan.columns)]
        self._reads, self._validators = (
            Reads(view.queryset.all(), columns),
            [columns.index(name) for name in validators],
        )

    def representation(self, plain: PlainRequest) -> _Representation | None:
        pk = int(plain.path.rpartition("/")[2])
        row = self._reads.row(plain.user, pk)
        if plain.query or row is None:
            return None
        body = orjson.dumps(self.represented([row], plain)[0])
        if not self._validators:
            return _Representation(body, tag_of_content(body))
        version, updated_at = [row[index] for index in self._validators]
        tag, date = row_tag(pk, version, self.version, "json"), date_of(settled_at(version, updated_at))
        return _Representation(body, tag, date)


class _Page(_Route):
    """A page of a list without filters, in its default order, by `page` and `per_page`."""

    def __init__(self, view: Any, version: str, action: str, plan: ReadPlan, methods: Iterable[str]) -> None:
        super().__init__(view, version, action, plan, methods)
        filterset, rows = getattr(view, "filterset_class", None), view.queryset.all()
        self._sort = sort_in(filtered(filterset, {}, rows) if filterset else rows)
        self._reads = Reads(rows, plan.columns)

    def representation(self, plain: PlainRequest) -> _Representation | None:
        found = PAGE_QUERY.fullmatch(plain.query)
        if found is None or (size := int(found["size"] or DEFAULT_PER_PAGE)) > MAX_PER_PAGE:
            return None
        page = int(found["page"] or 1)
        rows, total = self._reads.page_and_total(plain.user, self._sort, size, (page - 1) * size)
        more = f"&per_page={found['size']}" if found["size"] else ""

        def url(number: int) -> str:
            return f"{plain.site}{plain.path}?page={number}{more}"

        shown = self.represented(rows, plain)
        body = orjson.dumps(numbered(self.view.list_name, shown, page, size, total, url))
        return _Representation(body, tag_of_content(body))


class RestFastPath:
    """Finds the route of a request by its path. A `list` or `retrieve` that overrides ShopViewSet's has none."""

    def __init__(self, router: SimpleRouter) -> None:
        self._pages: dict[str, _Page] = {}
        self._details: dict[str, _Detail] = {}
        self._creations: dict[str, PlainCreation] = {}
        for prefix, view, _ in router.registry:
            for route in router.get_routes(view):
                methods = router.get_method_map(view, route.mapping)
                for version in VERSIONS:
                    self._add(f"/api/{version}/{prefix}", view, version, methods)

    def _add(self, path: str, view: Any, version: str, methods: Mapping[str, str]) -> None:
        action = methods.get("get", "")
        method = unwrap(getattr(view, action, view))  # drf-spectacular wraps inherited methods
        if method is ShopViewSet.retrieve and (plan := plan_of(in_version(version, view.serializer_class))):
            self._details[path] = _Detail(view, version, action, plan, methods)
        rows = view.row_serializer_class or view.serializer_class
        if method is ShopViewSet.list and version == V1 and (plan := plan_of(rows)):  # v2 pages by cursor
            self._pages[path] = _Page(view, version, action, plan, methods)
        creation = getattr(view, "creation", None)
        if (
            creation
            and methods.get("post") == "create"
            and (plan := plan_of(in_version(version, view.serializer_class)))
        ):
            rule, allow = rule_of(view.create), _allowed(view, methods)
            self._creations[path] = PlainCreation(creation, rule, version, plan, allow)

    def __call__(self, scope: Scope, body: bytes) -> FastPathResult:
        if scope["method"] == "POST":
            creation = self._creations.get(scope["path"])
            return ORDINARY if creation is None or is_deprecated(creation.version) else creation.answer(scope, body)
        started_at = time.perf_counter()
        route = self._route_of(scope["path"])
        if route is None or is_deprecated(route.version) or scope["method"] != "GET" or body:
            return ORDINARY
        budget = None
        try:
            headers = headers_in(scope, HEADERS)
            if headers is None:
                return ORDINARY
            plain = plain_request_of(scope, headers)
            if not route.view.queryset.readers(plain.user):
                return ORDINARY
            budget = limits.spend_request(user_id=plain.user.pk, address=plain.address)
            with reads_may_lag(not plain.has_token):
                shown = route.representation(plain)
        except (DomainError, Error):
            return FastPathResult(budget=budget)
        if shown is None:
            return FastPathResult(budget=budget)
        sent = route.headers_of(plain, shown, budget)
        if is_known(headers.get("if-none-match"), {shown.tag}):
            kept = [header for header in sent if header[0] not in OF_BODIES]
            return FastPathResult(response_to(plain, 304, kept, b"", started_at))
        return FastPathResult(response_to(plain, 200, sent, shown.body, started_at))

    def _route_of(self, path: str) -> _Page | _Detail | None:
        if found := self._pages.get(path):
            return found
        prefix, _, last = path.rpartition("/")
        return self._details.get(prefix) if ID.fullmatch(last) else None
