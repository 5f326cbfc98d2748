"""The GETs of the fast path: their responses, from compiled reads."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote_plus, unquote_plus

import orjson

from core.budgets import Budget, rate_limit_fields
from core.lists.filters import SORTING, Filtering, filtered, filtering_of
from core.lists.keyset import (
    DEFAULT_PER_PAGE,
    MAX_PER_PAGE,
    Sort,
    cursor_at,
    mark_of,
    position_in,
    read_cursor,
    sort_in,
)
from core.permissions import Rule
from core.plans.parents import Parent
from core.plans.plan import ReadPlan
from core.plans.reads import Reads
from core.plans.statements import Row
from core.protocols.rest.caching import VARY, directives_of, is_shared
from core.protocols.rest.conditional import date_of, row_tag, settled_at, tag_of_content
from core.protocols.rest.links import links
from core.protocols.rest.negotiation import offers_of
from core.protocols.rest.pagination import numbered
from core.protocols.rest.versions import V1, V2
from core.server.bridge.plain_request import PlainRequest
from core.server.bridge.responses import Headers, encoded

CONTENT_TYPE, VARY_HEADER = (b"content-type", b"application/json"), (b"vary", ", ".join(VARY).encode())
MAX_PAGE = 999_999_999
NUMBER = re.compile(r"[1-9]\d{0,8}", re.ASCII)
QUERY = re.compile(r"[\w.~%+=&!'()*,:@/-]*", re.ASCII)  # the characters that need no escaping


class Representation(NamedTuple):
    """The body of a response, and the headers that belong to it."""

    body: bytes
    tag: str
    last_modified: str | None = None
    link: str | None = None

    @property
    def validators(self) -> Headers:
        tag = (b"etag", self.tag.encode())
        return [tag] if self.last_modified is None else [tag, (b"last-modified", self.last_modified.encode())]

    @property
    def links(self) -> Headers:
        return [] if self.link is None else [(b"link", self.link.encode())]


class Route:
    """One GET of one resource in one version."""

    action = ""  # of the view

    def __init__(self, view: Any, version: str, plan: ReadPlan, methods: Iterable[str]) -> None:
        self.view, self.version, self.plan = view, version, plan
        self.rule: Rule = getattr(getattr(view, self.action), "rule", view.queryset.readers)
        self.is_open, self.offers = self.action in view.open_to_caches, offers_of(view, version)
        self.allow = (b"allow", allowed(view, methods).encode())

    def headers_of(self, plain: PlainRequest, shown: Representation, budget: Budget | None) -> Headers:
        cache_control = directives_of(is_open=self.is_open and not plain.has_token)
        rate_limit = () if is_shared(cache_control) else encoded(rate_limit_fields(budget).items())
        return [
            CONTENT_TYPE,
            *shown.validators,
            *shown.links,
            VARY_HEADER,
            self.allow,
            (b"cache-control", cache_control.encode()),
            *rate_limit,
        ]

    def represented(self, rows: Sequence[Row], plain: PlainRequest) -> list[dict[str, Any]]:
        return self.plan.from_tuples(rows, links(plain.site, self.version))

    def representation(self, plain: PlainRequest) -> Representation | None:
        """Return the response's body and headers; None if the ordinary path must respond."""
        raise NotImplementedError


def allowed(view: Any, methods: Iterable[str]) -> str:
    """Return the header Allow."""
    names = {*methods, "head", "options"}
    return ", ".join(name.upper() for name in view.http_method_names if name in names)


class Detail(Route):
    """One row; its id is the last part of the path."""

    action = "retrieve"

    def __init__(self, view: Any, version: str, plan: ReadPlan, methods: Iterable[str]) -> None:
        super().__init__(view, version, plan, methods)
        validators = ("version", "updated_at") if view.sends_validators else ()
        columns = [*plan.columns, *(name for name in validators if name not in plan.columns)]
        self._reads = Reads(view.queryset.all(), columns)
        self._validators = [columns.index(name) for name in validators]

    def representation(self, plain: PlainRequest) -> Representation | None:
        pk = int(plain.path.rpartition("/")[2])
        row = None if plain.query else self._reads.row(plain.user, pk)
        if row is None:
            return None
        body = orjson.dumps(self.represented([row], plain)[0])
        if not self._validators:
            return Representation(body, tag_of_content(body))
        version, updated_at = [row[index] for index in self._validators]
        tag, date = row_tag(pk, version, self.version, "json"), date_of(settled_at(version, updated_at))
        return Representation(body, tag, date)


class Listed(NamedTuple):
    """The list that a request asks for: its rows, their order, and the other fields of the response."""

    reads: Reads
    sort: Sort
    mark: str  # of the list and its filters, as a part of cursors
    facts: Mapping[str, int]  # the first fields of the response


class ListRoute(Route):
    """The pages of a list. `name` is the name of its URL pattern."""

    action = "list"
    names: tuple[str, str]  # of the parameters of a page

    def __init__(self, view: Any, version: str, plan: ReadPlan, methods: Iterable[str], name: str) -> None:
        super().__init__(view, version, plan, methods)
        self._rows, self._name = view.queryset.all(), name
        self._filterset: Any = getattr(view, "filterset_class", None)
        self._parent: Parent | None = view.parent
        self._reads = Reads(self._parent.below(self._rows) if self._parent else self._rows, plan.columns)
        self._mark = mark_of(name, {}, [])
        filters = self._filterset.base_filters if self._filterset else {}
        self._sorting = tuple(name for name in SORTING if name in filters)
        self._filters = filters.keys() - self._sorting
        self._known = frozenset((*self.names, *filters))
        self._sorts: dict[tuple[str | None, ...], Sort] = {}

    def representation(self, plain: PlainRequest) -> Representation | None:
        parameters = self._parameters(plain.query)
        if parameters is None:
            return None
        listed = self._listed(plain, parameters)
        return None if listed is None else self.page(plain, parameters, listed)

    def page(self, plain: PlainRequest, parameters: Mapping[str, str], listed: Listed) -> Representation | None:
        raise NotImplementedError

    def _parameters(self, query: str) -> dict[str, str] | None:
        """Return the parameters; None if one is unknown or repeated, or not in UTF-8, or has unusual characters."""
        if not query:
            return {}
        pairs = query.split("&")
        try:
            parameters = {name: _decoded(value) for name, _, value in (pair.partition("=") for pair in pairs)}
        except UnicodeDecodeError:
            return None
        is_plain = parameters.keys() <= self._known and len(parameters) == len(pairs) and QUERY.fullmatch(query)
        return parameters if is_plain else None

    def _listed(self, plain: PlainRequest, parameters: Mapping[str, str]) -> Listed | None:
        """Return the rows; None if compiled reads do not know a filter.

        Raises InvalidInput if a filter is invalid, and NotFound if the caller may not see the parent.
        """
        filters = sorted((name, parameters[name]) for name in self._filters & parameters.keys() if parameters[name])
        if not filters and self._parent is None:
            return Listed(self._reads, self._sort(parameters), self._mark, {})
        filtering = filtering_of(self._filterset, dict(filters)) if filters else Filtering()
        if filtering is None:
            return None
        if self._parent is None:
            return Listed(self._reads.where(filtering), self._sort(parameters), mark_of(self._name, {}, filters), {})
        pk = int(plain.path.split("/")[-2])
        self._parent.check(plain.user, pk)
        reads, mark = self._reads.where(filtering, parent=pk), mark_of(self._name, {"pk": pk}, filters)
        return Listed(reads, self._sort(parameters), mark, {self._parent.column: pk})

    def _sort(self, parameters: Mapping[str, str]) -> Sort:
        """Return the order that is asked for. Raises InvalidInput if the list has no such order."""
        values = {name: parameters[name] for name in self._sorting if name in parameters}
        key = tuple(map(parameters.get, self._sorting))
        if key not in self._sorts:
            self._sorts[key] = sort_in(filtered(self._filterset, values, self._rows) if self._filterset else self._rows)
        return self._sorts[key]


def _decoded(text: str) -> str:
    """Decode a value of a query string. Raises UnicodeDecodeError if it is not in UTF-8."""
    return unquote_plus(text, errors="strict") if "%" in text or "+" in text else text


def _number(text: str, most: int) -> int | None:
    """Parse a number from 1 to `most`; None if it is out of this range or written in another way.

    The ordinary path then parses or refuses it.
    """
    return int(text) if NUMBER.fullmatch(text) and int(text) <= most else None


def _url(plain: PlainRequest, parameters: Mapping[str, str]) -> str:
    """Return the URL of another page, with the parameters as the ordinary path writes them: sorted and escaped."""
    written = [f"{name}={_escaped(value)}" for name, value in sorted(parameters.items())]
    return f"{plain.site}{plain.path}?{'&'.join(written)}"


def _escaped(text: str) -> str:
    return text if text.isdecimal() and text.isascii() else quote_plus(text)


class NumberedPage(ListRoute):
    """A page of v1, by `page` and `per_page`."""

    names = ("page", "per_page")

    def page(self, plain: PlainRequest, parameters: Mapping[str, str], listed: Listed) -> Representation | None:
        page = _number(parameters.get("page", "1"), MAX_PAGE)
        size = _number(parameters.get("per_page", str(DEFAULT_PER_PAGE)), MAX_PER_PAGE)
        if page is None or size is None:
            return None
        rows, total = listed.reads.page_and_total(plain.user, listed.sort, size, (page - 1) * size)

        def url(number: int) -> str:
            return _url(plain, {**parameters, "page": str(number)})

        shown = self.represented(rows, plain)
        body = orjson.dumps({**listed.facts, **numbered(self.view.list_name, shown, page, size, total, url)})
        return Representation(body, tag_of_content(body))


class CursorPage(ListRoute):
    """A page of v2, by `cursor` and `limit`."""

    names = ("cursor", "limit")

    def page(self, plain: PlainRequest, parameters: Mapping[str, str], listed: Listed) -> Representation | None:
        limit = _number(parameters.get("limit", str(DEFAULT_PER_PAGE)), MAX_PER_PAGE)
        if limit is None:
            return None
        reads, sort, mark, facts = listed
        position = position_in(parameters.get("cursor", ""), mark)
        if position is None:
            rows = reads.page(plain.user, sort, limit + 1, 0)
        else:
            value, pk = read_cursor(reads.model, sort, position, "cursor")
            rows = reads.page_after(plain.user, sort, limit + 1, value, pk)
        cursor = link = None
        if len(rows) > limit:
            rows = rows[:limit]
            cursor = f"{cursor_at(sort, *reads.position_of(rows[-1], sort))}.{mark}"
            link = f'<{_url(plain, {**parameters, "cursor": cursor})}>; rel="next"'
        body = orjson.dumps({**facts, self.view.list_name: self.represented(rows, plain), "next_cursor": cursor})
        return Representation(body, tag_of_content(body), link=link)


PAGES: Mapping[str, type[ListRoute]] = {V1: NumberedPage, V2: CursorPage}
