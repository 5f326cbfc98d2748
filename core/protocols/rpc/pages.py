"""Pages of a list, numbered or by cursor, within the message size that clients accept.

Numbered: `page` 0 means 1, `page_size` 0 means 20, and a `page_size` above 100 means 100. A page that is too long is
refused: if it were cut, the rows that are cut off would be on no page. By cursor: a page has as many rows as fit, and
`next_cursor` continues after the last of them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from django.db import models
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from core.actors import Actor
from core.errors import BadParameters, InvalidInput, TooLarge
from core.lists.deep_pages import DEEP, page_at
from core.lists.filters import Rows, ShopFilterSet, filtered, filters_of
from core.lists.first_rows import rows_at
from core.lists.keyset import (
    DEFAULT_PER_PAGE,
    MAX_PER_PAGE,
    Sort,
    cursor_at,
    cursor_of,
    mark_of,
    page_after,
    position_in,
    read_cursor,
)
from core.plans.reads import Reads
from core.protocols.rpc.messages import MessageSerializer, data_of

Response = TypeVar("Response", bound=Message)
MAX_BYTES = 4 * 1024 * 1024  # the default limit of gRPC clients
ROW_FRAME_BYTES, COUNTS_BYTES = 8, 1024  # at most: the overhead of each row, and of the other fields together
OF_THE_PAGE = ("page", "page_size", "cursor", "sort_by")  # these fields do not filter; a cursor contains its sort order


class PageRequest(NamedTuple):
    """The page that a request asks for: by number, or, if `mark` is set, by the position of a cursor."""

    page: int
    size: int
    position: str | None = None
    mark: str = ""


class ListRequest(Protocol):
    """A message that asks for a page of a list."""

    page: int
    page_size: int
    cursor: str

    def HasField(self, field_name: str) -> bool: ...


def page_request_of(request: ListRequest) -> PageRequest:
    """Read the parameters of the page. Raises InvalidInput, which names all invalid parameters."""
    bad, page, size = BadParameters(), 0, 0
    with bad:
        page = _not_negative(request.page, "page")
    with bad:
        size = min(_not_negative(request.page_size, "page_size") or DEFAULT_PER_PAGE, MAX_PER_PAGE)
    position, mark = None, ""
    if request.HasField("cursor"):
        mark = _mark_of(request)
        with bad:
            position = position_in(request.cursor, mark)
        with bad:
            if page:
                raise InvalidInput(fields={"page": "page and cursor can't both be given"})
    bad.check()
    return PageRequest(page or 1, size, position, mark)


class ListedRows(Protocol):
    """The rows of a list that a caller may see. `Any` stands for a row."""

    def total(self) -> int: ...

    def page(self, sort: Sort, start: int, size: int) -> tuple[Sequence[Any], int]:
        """Return up to `size` rows after the first `start`, and the number of all rows."""

    def page_after(self, sort: Sort, size: int, position: str | None) -> tuple[Sequence[Any], bool]:
        """Return up to `size` rows after a position, and whether more follow. Raises InvalidInput for another order."""

    def values(self, rows: Sequence[Any]) -> list[dict[str, Any]]:
        """Return the values of each row's message."""

    def cursor(self, row: object, sort: Sort) -> str: ...


class QuerysetRows(NamedTuple):
    """The rows of a queryset."""

    queryset: models.QuerySet[Any]
    message: type[MessageSerializer]

    def total(self) -> int:
        return self.queryset.count()

    def page(self, sort: Sort, start: int, size: int) -> tuple[Sequence[Any], int]:
        total, rows = self.total(), sort.applied(self.queryset)
        if start >= total:
            return [], total
        return list(page_at(rows, start, size, total)) if start >= DEEP else rows_at(rows, start, start + size), total

    def page_after(self, sort: Sort, size: int, position: str | None) -> tuple[Sequence[Any], bool]:
        page = page_after(self.queryset, sort, size, position)
        return page.rows, page.has_next

    def values(self, rows: Sequence[Any]) -> list[dict[str, Any]]:
        return self.message.values_of_objects(rows)

    def cursor(self, row: Any, sort: Sort) -> str:
        return cursor_of(row, sort)


class CompiledRows(NamedTuple):
    """The rows of compiled reads."""

    reads: Reads
    message: type[MessageSerializer]
    caller: Actor

    def total(self) -> int:
        return self.reads.count(self.caller)

    def page(self, sort: Sort, start: int, size: int) -> tuple[Sequence[Any], int]:
        return self.reads.page_and_total(self.caller, sort, size, start)

    def page_after(self, sort: Sort, size: int, position: str | None) -> tuple[Sequence[Any], bool]:
        if position is None:
            rows = self.reads.page(self.caller, sort, size + 1, 0)
        else:
            value, pk = read_cursor(self.reads.model, sort, position, "cursor")
            rows = self.reads.page_after(self.caller, sort, size + 1, value, pk)
        return rows[:size], len(rows) > size

    def values(self, rows: Sequence[Any]) -> list[dict[str, Any]]:
        return self.message.values_of_tuples(rows)

    def cursor(self, row: Any, sort: Sort) -> str:
        return cursor_at(sort, *self.reads.position_of(row, sort))


def is_filtered(filterset: type[ShopFilterSet], request: Message) -> bool:
    """Whether the request sets a field that filters the list."""
    return any(field.name in filterset.base_filters for field, _ in request.ListFields())


def found_by(filterset: type[ShopFilterSet], request: Message, queryset: Rows) -> Rows:
    """Filter a queryset by the request's fields. Raises InvalidInput, which names all invalid fields."""
    params = filters_in(filterset, request)
    return filtered(filterset, params, queryset) if params else queryset  # building a filter is slow


def filters_in(filterset: type[ShopFilterSet], request: Message) -> dict[str, Any]:
    """Return the request's fields that filter a list; an empty text counts as not set."""
    data = data_of(request)
    return {name: data[name] for name in filters_of(filterset) if data.get(name, "") != ""}


def list_response(response_class: type[Response], listed: ListedRows, sort: Sort, wanted: PageRequest) -> Response:
    """Return the response of a list; the rows are its first field. Runs one to four SQL statements.

    Raises TooLarge if a numbered page is longer than MAX_BYTES, InvalidInput if a cursor is for another sort order.
    """
    answer = _after if wanted.mark else _numbered
    return answer(response_class, listed, sort, wanted)


def _numbered(response_class: type[Response], listed: ListedRows, sort: Sort, wanted: PageRequest) -> Response:
    rows, total = listed.page(sort, (wanted.page - 1) * wanted.size, wanted.size)
    counts = {"total": total, "page": wanted.page, "total_pages": -(-total // wanted.size)}
    response = response_class(**counts, **{_rows_field(response_class).name: listed.values(rows)})
    if (length := response.ByteSize()) > MAX_BYTES:
        raise TooLarge(f"The page has {length} bytes, max is {MAX_BYTES}: use a smaller page_size or a cursor")
    return response


def _after(response_class: type[Response], listed: ListedRows, sort: Sort, wanted: PageRequest) -> Response:
    rows, has_next = listed.page_after(sort, wanted.size, wanted.position)
    field = _rows_field(response_class)
    messages = _fitting([GetMessageClass(field.message_type)(**values) for values in listed.values(rows)])
    response = response_class(**{field.name: messages, "total": listed.total()})
    if has_next or len(messages) < len(rows):
        cursor = f"{listed.cursor(rows[len(messages) - 1], sort)}.{wanted.mark}"
        response.next_cursor = cursor  # type: ignore[attr-defined]  # every list response has it
    return response


def _fitting(messages: Sequence[Message]) -> Sequence[Message]:
    """Return as many of the first messages as fit into one response, at least one."""
    room = MAX_BYTES - COUNTS_BYTES
    for count, message in enumerate(messages):
        room -= message.ByteSize() + ROW_FRAME_BYTES
        if room < 0:
            return messages[: max(count, 1)]
    return messages


def _rows_field(response_class: type[Message]) -> FieldDescriptor:
    descriptor: Descriptor = response_class.DESCRIPTOR  # type: ignore[assignment]  # None only in the base class
    field: FieldDescriptor = descriptor.fields_by_number[1]
    return field


def _mark_of(request: Any) -> str:
    filters = type(request)()
    filters.CopyFrom(request)
    for name in OF_THE_PAGE:
        if name in request.DESCRIPTOR.fields_by_name:
            filters.ClearField(name)
    return mark_of(request.DESCRIPTOR.full_name, filters.SerializeToString(deterministic=True))


def _not_negative(value: int, name: str) -> int:
    if value < 0:
        raise InvalidInput(fields={name: f"{name} must not be negative"})
    return value
