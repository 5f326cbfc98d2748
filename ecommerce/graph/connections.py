"""Relay connections over keyset pages."""

from collections.abc import Callable
from typing import Any

import graphene
from graphene import relay

from ecommerce.errors import InvalidInput
from ecommerce.graph.peers import together
from ecommerce.keyset import Page, Slice, Sort, cursor_of, page_of

MAX_PAGE = 100


class CountedConnection(relay.Connection):
    class Meta:
        abstract = True

    total_count = graphene.Int(required=True, description="How many there are in all; counted only when asked for.")

    @staticmethod
    def resolve_total_count(root: Any, info: Any) -> int:
        return root.count()


class ConnectionField(relay.ConnectionField):
    """A list of `node` by pages."""

    def __init__(self, node: Any, **kwargs: Any) -> None:
        pages = {
            "first": graphene.Int(description=f"So many, from the start; {MAX_PAGE} at most, and when left out."),
            "after": graphene.String(description="Only what comes after the row of this cursor."),
            "last": graphene.Int(description=f"So many, from the end; {MAX_PAGE} at most. Not together with first."),
            "before": graphene.String(description="Only what comes before the row of this cursor."),
        }
        super().__init__(node._meta.connection, **kwargs | pages)


def order_argument(keys: tuple[str, ...], default: str) -> graphene.String:
    """Describe the argument that `sort_of` reads."""
    return graphene.String(
        description=f"One of {', '.join(keys)}; with a leading - descending. {default} when left out; ties go by id."
    )


def slice_of(part: dict[str, Any]) -> Slice:
    """Read Relay's four arguments. Raises InvalidInput."""
    asked = Slice(**{name: part.get(name) for name in Slice._fields})
    for name in ("first", "last"):
        check_page_size(name, getattr(asked, name))
    if asked.first is not None and asked.last is not None:
        raise InvalidInput("first and last can't both be given")
    return asked if asked.last is not None else asked._replace(first=MAX_PAGE if asked.first is None else asked.first)


def check_page_size(name: str, size: int | None) -> None:
    """Raise InvalidInput for a page size that no connection serves."""
    if size is not None and not 0 <= size <= MAX_PAGE:
        raise InvalidInput(f"{name} max is {MAX_PAGE}" if size > 0 else f"{name} must not be negative")


def connection_of(node: Any, queryset: Any, sort: Sort, part: dict[str, Any]) -> CountedConnection:
    """Return one page of a queryset as a connection of `node`. One statement, and one more for the total."""
    return as_connection(node, page_of(queryset, sort, slice_of(part)), sort, queryset.count)


def as_connection(node: Any, page: Page, sort: Sort, count: Callable[[], int]) -> CountedConnection:
    """Wrap a page; `count` is called when the total is asked for."""
    kind = node._meta.connection
    edges = [kind.Edge(node=row, cursor=cursor_of(row, sort)) for row in together(page.rows)]
    info = relay.PageInfo(
        has_next_page=page.has_next,
        has_previous_page=page.has_previous,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    connection = kind(edges=edges, page_info=info)
    connection.count = count
    return connection
