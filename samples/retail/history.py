"""The status and the timeline of an imported order."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from orders.models import Order
from samples.retail.dates import LONDON
from samples.retail.matching import Returned

Status = Order.Status


def status_after(at: datetime, returns: Iterable[Returned], *, all_back: bool) -> str:
    """Return delivered, or if all units were returned: cancelled if that was on the day of the order, else refunded."""
    if not all_back:
        return Status.DELIVERED
    last_at = max(one.at for one in returns)
    return Status.CANCELLED if _day(last_at) == _day(at) else Status.REFUNDED


class Step(NamedTuple):
    """The fields of an OrderEvent."""

    order_id: int
    status: str
    note: str
    at: datetime


STEP_FIELDS = ("order", "status", "note", "at")
RETURN_FIELDS = ("item", "reference", "units", "at")


def steps(order: Order, returns: Iterable[Returned]) -> list[Step]:
    """Return the timeline of a new order: the invoice, then each cancellation that affects it."""
    before = Status.PAID if order.status == Status.CANCELLED else Status.DELIVERED
    first = Step(order.pk, before, f"Imported: invoice {order.number}", order.created_at)
    return [first, *return_steps(order, returns, before, order.status)]


def return_steps(order: Order, returns: Iterable[Returned], before: str, after: str) -> list[Step]:
    """Return one step for each cancellation among the returns, by time; the last step sets the new status."""
    units: Counter[tuple[datetime, str]] = Counter()
    for one in returns:
        units[one.at, one.reference] += one.units
    notes = [(f"Cancellation {name}: {count} back in stock", at) for (at, name), count in sorted(units.items())]
    statuses = [*[before] * (len(notes) - 1), after]  # one too many if there are no notes
    return [Step(order.pk, status, note, at) for status, (note, at) in zip(statuses, notes, strict=False)]


def _day(at: datetime) -> str:
    return at.astimezone(LONDON).date().isoformat()
