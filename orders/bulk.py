"""Many orders moved at once, with a result for each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django.db import transaction

from catalog.models import Product
from core.actors import Actor, SignedIn
from core.errors import DomainError, Forbidden, InvalidInput
from core.idempotency import once
from core.permissions import is_signed_in, permitted, signed_in
from orders.actions import clean_details, move_locked
from orders.errors import InvalidTransition, OrderNotFound
from orders.models import Order, OrderItem
from orders.transitions import VERBS

MAX_MOVES = 500  # other changes of these orders, and of their products, wait until the last order is moved
REFUSALS = {kind.code: kind for kind in (InvalidInput, Forbidden, OrderNotFound, InvalidTransition)}
Outcome = Order | DomainError  # a moved order, or the exception that refused the move


class OrderMove(NamedTuple):
    """An order to move, and fields of it that the verb may set; other names are ignored."""

    order_id: int
    details: Mapping[str, str | None] = {}  # never changed


@permitted(is_signed_in)
def move_orders(
    *, actor: Actor, verb: str, moves: Sequence[OrderMove | DomainError], key: str | None = None
) -> list[Outcome]:
    """Move each order that the verb can move. Returns, for each in order, the order or the exception that refused it.

    The exceptions are those of `move_order`. A second move of the same order is refused with InvalidInput; an exception
    among `moves` is returned as it is. One transaction: a process that is killed has moved no order. It locks the
    orders, then the products whose stock comes back, each in id order.
    If this caller used the key before, returns the results of that call; of an order that is deleted or no longer
    visible to the caller, OrderNotFound.
    Raises Unauthenticated, IdempotencyMismatch, InProgress, InvalidInput (for the key).
    """
    user = signed_in(actor)

    def act() -> tuple[list[Outcome], list[dict[str, Any]]]:
        outcomes = _moved(user, verb, moves)
        return outcomes, [_memo_of(outcome) for outcome in outcomes]

    return once(
        caller_id=user.pk,
        operation="move_orders",
        key=key,
        validated=[verb, [_memo_of(move) if isinstance(move, DomainError) else move for move in moves]],
        act=act,
        recall=lambda memo: list(_as_moved(user, memo, verb)),
    )


def _moved(user: SignedIn, verb: str, moves: Sequence[OrderMove | DomainError]) -> list[Outcome]:
    ids = [None if isinstance(move, DomainError) else move.order_id for move in moves]
    outcomes: list[Outcome] = []
    with transaction.atomic():
        orders = _locked(user, verb, filter(None, ids))
        for index, move in enumerate(moves):
            is_repeated = ids[index] in ids[:index]
            outcomes.append(_outcome_of(user, orders, verb, move, is_repeated=is_repeated))
    return outcomes


def _locked(user: SignedIn, verb: str, ids: Iterable[int]) -> dict[int, Order]:
    """Lock the orders that the user may see, and the products whose stock the verb gives back. Returns them by id."""
    orders = {order.pk: order for order in Order.objects.visible_to(user).filter(pk__in=set(ids)).locked()}
    if VERBS[verb].returns_stock:
        lines = OrderItem.objects.filter(order__in=list(orders))
        list(Product.objects.filter(pk__in=lines.values("product")).locked().values_list("pk"))
    return orders


def _outcome_of(
    user: SignedIn, orders: Mapping[int, Order], verb: str, move: OrderMove | DomainError, *, is_repeated: bool
) -> Outcome:
    """Move one of the locked orders."""
    if isinstance(move, DomainError):
        return move
    if is_repeated:
        return InvalidInput(fields={"order_id": "The order is in an earlier row too"})
    try:
        details = clean_details(VERBS[verb], move.details)
        if move.order_id not in orders:
            return Order.objects.missing(move.order_id)
        move_locked(user, orders[move.order_id], verb, details)
    except DomainError as refusal:
        return refusal
    return orders[move.order_id]


def _memo_of(outcome: Outcome) -> dict[str, Any]:
    if isinstance(outcome, DomainError):
        return {"code": outcome.code, "message": outcome.message, "fields": outcome.fields}
    return {"order": outcome.pk, "version": outcome.version}


def _as_moved(user: SignedIn, memo: Sequence[Mapping[str, Any]], verb: str) -> Iterator[Outcome]:
    """Yield the results as the first response showed them; OrderNotFound for an order that the user can't see now."""
    orders = Order.objects.visible_to(user).in_bulk([row["order"] for row in memo if "order" in row])
    for row in memo:
        if "code" in row:
            yield REFUSALS[row["code"]](row["message"], fields=row["fields"])
        elif order := orders.get(row["order"]):
            order.status, order.version = VERBS[verb].target, row["version"]
            yield order
        else:
            yield Order.objects.missing(row["order"])
