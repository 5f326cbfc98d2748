"""Writes invoices as orders; each order and its lines are written in one transaction."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from operator import attrgetter

from orders.models import Order, OrderEvent, OrderItem, RetailInvoice, ReturnedUnits
from samples.retail.batches import Batches, insert_rows
from samples.retail.history import RETURN_FIELDS, STEP_FIELDS, status_after, steps
from samples.retail.known import Known, items_of
from samples.retail.matching import Plan
from samples.retail.spool import SaleLine
from samples.retail.survey import Invoice

LINE_FIELDS = ("order", "product", "sku", "name", "unit_price", "quantity", "line_total")


class OrderWriter:
    """Collects sale lines until an invoice is complete, and complete invoices until they fill a transaction.

    An order of an earlier import does not change, unless the file of that import ended in the middle of the invoice:
    then the missing lines are added.
    """

    def __init__(
        self,
        *,
        invoices: Mapping[str, Invoice],
        plan: Plan,
        known: Known,
        users: Mapping[str, int],
        products: Mapping[str, int],
        batches: Batches,
    ) -> None:
        self.added = self.completed = self.lines = 0
        self._invoices, self._plan, self._known = invoices, plan, known
        self._users, self._products, self._batches = users, products, batches
        self._open: dict[str, list[SaleLine]] = {}  # lines of an invoice may be far apart in the file
        self._ready: list[tuple[str, list[SaleLine]]] = []
        self._ready_lines = 0

    def write(self, sales: Iterable[SaleLine]) -> None:
        """Write those of the lines that the shop does not have yet."""
        for sale in sales:
            invoice = self._invoices[sale.number]
            if self._known.lines(sale.number) >= invoice.lines:
                continue
            lines = self._open.setdefault(sale.number, [])
            lines.append(sale)
            if len(lines) == invoice.lines:
                self._complete(sale.number)
        self._flush()

    def _complete(self, number: str) -> None:
        lines = self._open.pop(number)
        if self._ready_lines + len(lines) > self._batches.lines:
            self._flush()
        self._ready.append((number, lines))
        self._ready_lines += len(lines)

    def _flush(self) -> None:
        if not self._ready:
            return
        numbers = [number for number, _ in self._ready]
        new = {number: self._order(number) for number in numbers if number not in self._known.invoices}
        with self._batches.transaction():
            Order.objects.bulk_create(new.values())
            order_ids = {number: self._order_id(number, new) for number in numbers}
            rows = [row for number, lines in self._ready for row in self._rows(order_ids[number], number, lines)]
            insert_rows(OrderItem, LINE_FIELDS, rows)
            insert_rows(RetailInvoice, ("order", "lines"), [(new[n].pk, self._invoices[n].lines) for n in new])
            self._add_returns(new)
            for number in numbers:
                if number not in new:
                    self._extend(number)
        self._batches.resize()
        self.added += len(new)
        self.completed += len(numbers) - len(new)
        self.lines += len(rows)
        self._ready, self._ready_lines = [], 0

    def _order(self, number: str) -> Order:
        invoice, returns = self._invoices[number], self._plan.returns.get(number, [])
        all_back = sum(one.units for one in returns) == invoice.units
        return Order(
            number=number,
            user_id=self._users.get(invoice.customer),
            status=status_after(invoice.at, returns, all_back=all_back),
            total=invoice.total,
            created_at=invoice.at,
        )

    def _order_id(self, number: str, new: Mapping[str, Order]) -> int:
        return new[number].pk if number in new else self._known.invoices[number].order_id

    def _rows(self, order_id: int, number: str, lines: list[SaleLine]) -> Iterator[tuple[object, ...]]:
        for sale in sorted(lines, key=attrgetter("position"))[self._known.lines(number) :]:
            yield order_id, self._products[sale.code], sale.code, sale.name, sale.price, sale.units, sale.amount

    def _add_returns(self, new: Mapping[str, Order]) -> None:
        timelines = (steps(order, self._plan.returns.get(number, [])) for number, order in new.items())
        insert_rows(OrderEvent, STEP_FIELDS, [*chain.from_iterable(timelines)])
        touched = {number: order.pk for number, order in new.items() if number in self._plan.returns}
        items = items_of(touched.values())
        rows = [
            (items[order_id][one.position], one.reference, one.units, one.at)
            for number, order_id in touched.items()
            for one in self._plan.returns[number]
        ]
        insert_rows(ReturnedUnits, RETURN_FIELDS, rows)

    def _extend(self, number: str) -> None:
        invoice, order_id = self._invoices[number], self._known.invoices[number].order_id
        Order.objects.filter(pk=order_id).update(
            total=invoice.total, created_at=invoice.at, user_id=self._users.get(invoice.customer)
        )
        RetailInvoice.objects.filter(pk=order_id).update(lines=invoice.lines)
