"""What became of an imported order: its status, and the steps on the way."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime

from orders.models import Order, OrderEvent
from orders.retail.matching import Returned
from orders.retail.values import LONDON

Status = Order.Status


def status_after(at: datetime, returns: Iterable[Returned], *, all_back: bool) -> str:
    """Return delivered, unless all units came back: cancelled when that was on the day of the order, else refunded."""
    if not all_back:
        return Status.DELIVERED
    last_at = max(one.at for one in returns)
    return Status.CANCELLED if _day(last_at) == _day(at) else Status.REFUNDED


def events(order: Order, returns: Iterable[Returned]) -> Iterator[OrderEvent]:
    """Give the steps of a new order that ends in its status: the invoice, then each cancellation that touches it."""
    before = Status.PAID if order.status == Status.CANCELLED else Status.DELIVERED
    yield OrderEvent(order=order, status=before, at=order.created_at, note=f"Imported: invoice {order.number}")
    steps = list(return_events(order, returns, before))
    if steps:
        steps[-1].status = order.status
    yield from steps


def return_events(order: Order, returns: Iterable[Returned], status: str) -> Iterator[OrderEvent]:
    """Give one step for each cancellation among the returns, as they happened."""
    units: Counter[tuple[datetime, str]] = Counter()
    for one in returns:
        units[one.at, one.reference] += one.units
    for (at, reference), count in sorted(units.items()):
        note = f"Cancellation {reference}: {count} {'unit' if count == 1 else 'units'} came back"
        yield OrderEvent(order=order, status=status, at=at, note=note)


def _day(at: datetime) -> str:
    return at.astimezone(LONDON).date().isoformat()
