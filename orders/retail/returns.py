"""Cancellations that reverse what earlier imports sold."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from django.db.models import Sum

from orders.models import Order, OrderEvent, ReturnedUnits
from orders.retail.batches import Batches, chunks, insert_rows
from orders.retail.history import FIELDS, return_steps, status_after
from orders.retail.known import Known, items_of
from orders.retail.matching import Plan, Returned

ORDERS_A_TRANSACTION = 100


def write_returns(plan: Plan, known: Known, batches: Batches) -> int:
    """Write what the plan brings back of orders that the shop had, and return how many orders that touches.

    An order is touched once, in one transaction; its version rises by one when its status moves.
    """
    missing = dict(_missing(plan, known))
    for chunk in chunks(missing, ORDERS_A_TRANSACTION):
        with batches.transaction():
            _write({order_id: missing[order_id] for order_id in chunk})
    return len(missing)


class _Missing(NamedTuple):
    returned: Returned
    before: int  # units of it that an import wrote already


def _missing(plan: Plan, known: Known) -> Iterator[tuple[int, list[_Missing]]]:
    for number, invoice in known.invoices.items():
        pairs = [
            _Missing(one, known.units_returned((one.reference, one.code), (number, one.place)))
            for one in plan.returns.get(number, [])
        ]
        if news := [pair for pair in pairs if pair.returned.units > pair.before]:
            yield invoice.order_id, news


def _write(missing: Mapping[int, list[_Missing]]) -> None:
    orders = Order.objects.filter(pk__in=missing).locked()
    items = items_of(missing)
    for order in orders:
        news = missing[order.pk]
        for one, _ in news:
            ReturnedUnits.objects.update_or_create(
                item_id=items[order.pk][one.place],
                reference=one.reference,
                defaults={"units": one.units, "at": one.at},
            )
        _record(order, [one._replace(units=one.units - before) for one, before in news])


def _record(order: Order, returns: list[Returned]) -> None:
    """Write the timeline, and move an order that has nothing left."""
    before = order.status
    if before == Order.Status.DELIVERED and _all_back(order):
        order.status = status_after(order.created_at, returns, all_back=True)
        order.save(update_fields=["status"])
    insert_rows(OrderEvent, FIELDS, return_steps(order, returns, before, order.status))


def _all_back(order: Order) -> bool:
    sold = order.items.aggregate(units=Sum("quantity"))["units"]
    back = ReturnedUnits.objects.filter(item__order=order).aggregate(units=Sum("units"))["units"]
    return bool(sold == back)
