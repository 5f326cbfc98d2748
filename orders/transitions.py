"""The table of order verbs: the only place that defines the moves of orders. Every protocol and the admin offer these.

The verb `pay` is `POST /orders/{id}/pay`, the mutation `payOrder` and the gRPC method `PayOrder`.
"""

from collections.abc import Callable
from typing import NamedTuple

from core.actors import Actor
from orders.models import Order
from orders.models import OrderStatus as Status
from orders.permissions import can_cancel_order, can_move_orders


class Verb(NamedTuple):
    """A move from one of the `sources` to the `target`, its permission, and its texts for clients and the admin."""

    sources: tuple[Status, ...]
    target: Status
    icon: str  # of the admin's button, a Material symbol
    may: Callable[[Actor, Order], bool] = can_move_orders
    callers: tuple[str, ...] = ("staff",)  # the callers that `may` allows, in words
    returns_stock: bool = False
    effect: str = ""  # on the stock, in words
    summary: str = ""  # in place of "Mark a <source> order as <target>"
    question: str = ""  # the admin asks it before a move that ends the order
    details: tuple[str, ...] = ()  # fields of the order that the move may set; all are optional

    @property
    def description(self) -> str:
        mark = f"Mark a {any_of(self.sources)} order as {self.target}" + (f"; {self.effect}" if self.effect else "")
        return f"{self.summary or mark}. For {' and '.join(self.callers)}."

    @property
    def condition(self) -> str:
        """A short description: the statuses before the move, and who may make it."""
        effect = f"; {self.effect}" if self.effect else ""
        return f"From {any_of(self.sources)}, by {any_of(self.callers)}{effect}."


VERBS: dict[str, Verb] = {
    "cancel": Verb(
        (Status.PENDING, Status.PAID),
        Status.CANCELLED,
        icon="cancel",
        may=can_cancel_order,
        callers=("its owner", "staff"),
        returns_stock=True,
        effect="gives the stock back",
        summary="Cancel a pending or paid order and give its stock back",
        question="Cancel this order? Its stock goes back.",
    ),
    "pay": Verb((Status.PENDING,), Status.PAID, icon="payments"),
    "ship": Verb((Status.PAID,), Status.SHIPPED, icon="local_shipping", details=("carrier", "tracking_number")),
    "deliver": Verb((Status.SHIPPED,), Status.DELIVERED, icon="task_alt"),
    "refund": Verb(
        (Status.PAID, Status.SHIPPED, Status.DELIVERED),
        Status.REFUNDED,
        icon="currency_exchange",
        effect="the stock does not change",
        question="Refund this order? Its stock does not change.",
    ),
}
MOVE_DETAILS = tuple(name for verb in VERBS.values() for name in verb.details)


def any_of(words: tuple[str, ...]) -> str:
    """Return the words as text: `paid, shipped or delivered`."""
    *first, last = map(str, words)
    return f"{', '.join(first)} or {last}" if first else last


def verbs_from(status: str) -> list[str]:
    """Return the verbs that are allowed for an order in this status; those that end the order come last."""
    allowed = [name for name, verb in VERBS.items() if status in verb.sources]
    return sorted(allowed, key=lambda name: bool(VERBS[name].question))


def rpc_name(name: str) -> str:
    """Return the name of a verb in gRPC, which is also the name of its payload in GraphQL."""
    return f"{name.capitalize()}Order"
