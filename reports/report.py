"""The report on the sales of a period, against the period before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from django.db.models import Max

from catalog.models import Product
from catalog.pricing import rounded
from core.actors import Actor
from core.moments import shop_zone
from core.permissions import permitted
from orders.models import OrderItem
from reports.best_sellers import SoldProduct, best_sellers
from reports.periods import Period
from reports.permissions import can_see_sales
from reports.sales import SalesFigures, figures_by_day, total_of

BEST = 10


@dataclass(frozen=True)
class PeriodSales:
    """The figures of each day of a period, and of all its days."""

    period: Period
    days: Mapping[date, SalesFigures]

    @cached_property
    def total(self) -> SalesFigures:
        return total_of(self.days.values())

    @property
    def average_order(self) -> Decimal | None:
        return None if self.total.average is None else rounded(self.total.average)

    @property
    def by_day(self) -> list["DaySales"]:
        return [DaySales(day, figures) for day, figures in self.days.items()]


class DaySales(NamedTuple):
    day: date
    figures: SalesFigures


class BestSeller(NamedTuple):
    sold: SoldProduct
    name: str
    is_deleted: bool


class SalesReport(NamedTuple):
    time_zone: str
    sales: PeriodSales
    before: PeriodSales
    best_sellers: Sequence[BestSeller]


@permitted(can_see_sales)
def sales_report(*, actor: Actor, period: Period) -> SalesReport:
    """Return the exact figures of the period and of the period before, and the products with the highest revenue."""
    sales, before = (PeriodSales(each, figures_by_day(each)) for each in (period, period.before()))
    return SalesReport(str(shop_zone()), sales, before, _named(best_sellers(period, BEST)))


def _named(sold: Sequence[SoldProduct]) -> list[BestSeller]:
    """Add the names. A deleted product has the name in its last order, or else its id. At most two queries."""
    ids = [each.product_id for each in sold]
    present = dict(Product.objects.filter(pk__in=ids).values_list("pk", "name"))
    gone = [pk for pk in ids if pk not in present]
    names = {**(_names_on_last_lines(gone) if gone else {}), **present}
    return [
        BestSeller(each, names.get(each.product_id, str(each.product_id)), each.product_id not in present)
        for each in sold
    ]


def _names_on_last_lines(deleted_ids: Sequence[int]) -> dict[int, str]:
    """Return the names of deleted products in their last orders, by product id. One query."""
    lines = OrderItem.objects.filter(former_product_id__in=deleted_ids).order_by()
    last = lines.values("former_product_id").annotate(last=Max("pk")).values("last")
    found = OrderItem.objects.filter(pk__in=last).values_list("former_product_id", "name")
    return {product_id: name for product_id, name in found if product_id is not None}
