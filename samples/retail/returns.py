"""Writes cancellations that reverse sales of earlier imports."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from django.db.models import Sum

from orders.models import Order, OrderEvent, OrderItem, ReturnedUnits
from samples.retail.batches import Batches, chunks, insert_rows
from samples.retail.history import RETURN_FIELDS, STEP_FIELDS, Step, return_steps, status_after
from samples.retail.known import Known, items_of
from samples.retail.matching import Plan, Returned

ORDERS_A_TRANSACTION = 100


def write_returns(plan: Plan, known: Known, batches: Batches) -> int:
    """Write the planned returns of orders that the shop already had; return the number of affected orders.

    Each order is updated once, in one transaction; its version increases by one if its status changes.
    """
    missing = dict(_missing(plan, known))
    for chunk in chunks(missing, ORDERS_A_TRANSACTION):
        with batches.transaction():
            _write({order_id: missing[order_id] for order_id in chunk})
    return len(missing)


class _Missing(NamedTuple):
    returned: Returned
    before: int  # its units that an import already wrote


def _missing(plan: Plan, known: Known) -> Iterator[tuple[int, list[_Missing]]]:
    for number, invoice in known.invoices.items():
        pairs = [
            _Missing(one, known.units_returned((one.reference, one.code), (number, one.position)))
            for one in plan.returns.get(number, [])
        ]
        if missing := [pair for pair in pairs if pair.returned.units > pair.before]:
            yield invoice.order_id, missing


def _write(missing: Mapping[int, list[_Missing]]) -> None:
    orders = list(Order.objects.filter(pk__in=missing).locked())
    _write_units(missing)
    back = _all_back([order.pk for order in orders if order.status == Order.Status.DELIVERED])
    timeline: list[Step] = []
    for order in orders:
        returns = [one._replace(units=one.units - before) for one, before in missing[order.pk]]
        status = status_after(order.created_at, returns, all_back=True) if order.pk in back else order.status
        timeline += return_steps(order, returns, order.status, status)
        if status != order.status:
            Order.objects.filter(pk=order.pk).update(status=status)
    insert_rows(OrderEvent, STEP_FIELDS, timeline)


def _write_units(missing: Mapping[int, list[_Missing]]) -> None:
    items = items_of(missing)
    pairs = [(items[order_id][one.position], one, before) for order_id, some in missing.items() for one, before in some]
    new = [(item_id, one.reference, one.units, one.at) for item_id, one, before in pairs if not before]
    insert_rows(ReturnedUnits, RETURN_FIELDS, new)
    for item_id, one, before in pairs:
        if before:  # an earlier file ended in the middle of the cancellation
            ReturnedUnits.objects.filter(item_id=item_id, reference=one.reference).update(units=one.units)


def _all_back(order_ids: list[int]) -> set[int]:
    """Return the orders whose units were all returned."""
    sold = OrderItem.objects.filter(order_id__in=order_ids).values_list("order_id").annotate(Sum("quantity"))
    back = (
        ReturnedUnits.objects.filter(item__order_id__in=order_ids).values_list("item__order_id").annotate(Sum("units"))
    )
    return {order_id for order_id, _ in set(sold.order_by()) & set(back.order_by())}
