"""Relay connections over keyset pages."""

from collections.abc import Callable, Mapping
from typing import Any

import graphene
from django.db import models
from graphene import relay
from graphql import GraphQLResolveInfo

from core.errors import BadParameters, InvalidInput
from core.lists.keyset import MAX_PER_PAGE, Page, Slice, Sort, cursor_of, page_of, read_cursor
from core.protocols.graph.peers import grouped


class CountedConnection(relay.Connection):
    class Meta:
        abstract = True

    total_count = graphene.Int(required=True, description="Number of rows on all pages; counted only if requested.")

    @staticmethod
    def resolve_total_count(root: Any, info: GraphQLResolveInfo) -> int:
        count: int = root.count()
        return count


class ConnectionField(relay.ConnectionField):
    """A field with a paginated list of `node`."""

    def __init__(self, node: Any, **kwargs: Any) -> None:
        pages = {
            "first": graphene.Int(
                description=f"Number of rows from the start: at most {MAX_PER_PAGE}, "
                "also the default if last is not set."
            ),
            "after": graphene.String(description="Only rows after the row of this cursor."),
            "last": graphene.Int(
                description=f"Number of rows from the end: at most {MAX_PER_PAGE}. Can't be combined with first."
            ),
            "before": graphene.String(description="Only rows before the row of this cursor."),
        }
        super().__init__(node._meta.connection, **kwargs | pages)


def order_argument(keys: tuple[str, ...], default: Sort) -> graphene.String:
    """Return the argument that `sort_of` reads, with its description."""
    return graphene.String(
        description=f"One of {', '.join(keys)}; a leading - is descending. Default: {default.spelled}. "
        "Ties are ordered by id."
    )


def slice_of(node: Any, paging: Mapping[str, Any], sort: Sort | None) -> Slice:
    """Return Relay's four arguments, with the default of `first`. Cursors are checked only if the sort is known.

    Raises InvalidInput, which names all invalid arguments.
    """
    asked, bad = Slice(**{name: paging.get(name) for name in Slice._fields}), BadParameters()
    for name in ("first", "last"):
        with bad:
            _check_page_size(name, getattr(asked, name))
    for name in ("after", "before"):
        with bad:
            if sort is not None and (cursor := getattr(asked, name)) is not None:
                read_cursor(node._meta.model, sort, cursor, name)
    bad.check()
    if asked.first is not None and asked.last is not None:
        raise InvalidInput(fields={"last": "first and last can't both be given"})
    return asked._replace(first=MAX_PER_PAGE) if asked.first is asked.last is None else asked


def _check_page_size(name: str, size: int | None) -> None:
    if size is not None and not 0 <= size <= MAX_PER_PAGE:
        raise InvalidInput(
            fields={name: f"{name} max is {MAX_PER_PAGE}" if size > 0 else f"{name} must not be negative"}
        )


def connection_of(
    node: object, paging: Mapping[str, object], sort: Callable[[], Sort], find: Callable[[], models.QuerySet[Any]]
) -> CountedConnection:
    """Return one page as a connection of `node`, with one SQL statement, and one more if the total is requested.

    `paging` has Relay's arguments. `sort` and `find` read the other arguments; `find` returns the queryset. Raises
    InvalidInput, which names all invalid arguments.
    """
    bad = BadParameters()
    asked_sort: Sort | None = None
    with bad:
        asked_sort = sort()
    with bad:
        queryset = find()
    with bad:
        asked = slice_of(node, paging, asked_sort)
    bad.check()
    known: Sort = asked_sort  # type: ignore[assignment]  # if it is None, `check` has raised
    return as_connection(node, page_of(queryset, known, asked), known, queryset.count)


def as_connection(node: Any, page: Page[Any], sort: Sort, count: Callable[[], int]) -> CountedConnection:
    """Wrap a page; `count` is called if the total is requested."""
    kind = node._meta.connection
    edges = [kind.Edge(node=row, cursor=cursor_of(row, sort)) for row in grouped(page.rows)]
    info = relay.PageInfo(
        has_next_page=page.has_next,
        has_previous_page=page.has_previous,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    connection: CountedConnection = kind(edges=edges, page_info=info)
    connection.count = count  # for `resolve_total_count`
    return connection
