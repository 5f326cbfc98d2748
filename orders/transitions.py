"""The one table of status moves."""

from typing import NamedTuple

from orders.models import Order

Status = Order.Status


class Move(NamedTuple):
    sources: frozenset[str]
    target: str
    returns_stock: bool = False


MOVES: dict[str, Move] = {
    "pay": Move(frozenset({Status.PENDING}), Status.PAID),
    "ship": Move(frozenset({Status.PAID}), Status.SHIPPED),
    "deliver": Move(frozenset({Status.SHIPPED}), Status.DELIVERED),
    "cancel": Move(frozenset({Status.PENDING, Status.PAID}), Status.CANCELLED, returns_stock=True),
    "refund": Move(frozenset({Status.PAID, Status.SHIPPED, Status.DELIVERED}), Status.REFUNDED),
}


def verbs_from(status: str) -> list[str]:
    """The verbs that an order in this status takes, in the table's order."""
    return [verb for verb, move in MOVES.items() if status in move.sources]
