"""Changes the prices of many products by a percentage, and undoes such a change from the history."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from secrets import token_hex

from django.db import OperationalError
from django.db.models import Max

from catalog.bulk.changing import ProductChange, change_products
from catalog.models import Product, ProductHistory
from catalog.permissions import can_edit_products
from catalog.pricing import changed_by_percent, rounded
from core.actors import Actor
from core.databases import is_lock_timeout
from core.origin import originating
from core.permissions import permitted

ROWS_LOCKED = 500  # per transaction: orders of these products wait for it


@dataclass(frozen=True)
class Repricing:
    """One change of many prices. Its rows in the history have its reason, and ids above `after` up to `last`."""

    reason: str
    after: int
    last: int
    changed: int
    refused: int


@permitted(can_edit_products)
def reprice_products(*, actor: Actor, seen: Sequence[tuple[int, Decimal]], percent: Decimal) -> Repricing:
    """Change the price of each product that still has the price that was seen; `seen` has ids and prices.

    The others, those whose new price would leave its range, and those that others keep locked are refused.
    One transaction and two statements for every 500 products, in the order of their ids: orders lock them in it too.
    """
    reason, after = f"Prices {percent:+} % [{token_hex(4)}]", _last_change()
    wanted = [(pk, old, rounded(changed_by_percent(old, percent))) for pk, old in sorted(seen)]
    changes = [ProductChange(pk, {"price": new}, seen={"price": old}) for pk, old, new in wanted if new != old]
    with originating(reason=reason):
        changed = _changed(actor, changes)
    return Repricing(reason, after, _last_change(), changed, len(changes) - changed)


@permitted(can_edit_products)
def undo_repricing(*, actor: Actor, repricing: Repricing) -> int:
    """Give each product that still has its new price the old one back. Returns the number of restored prices."""
    back = [ProductChange(pk, {"price": old}, seen={"price": new}) for pk, old, new in prices_changed_by(repricing)]
    with originating(cause="revert", reason="Undo of a price change"):
        return _changed(actor, sorted(back, key=lambda change: change.product_id))


def prices_changed_by(repricing: Repricing) -> Iterator[tuple[int, Decimal, Decimal]]:
    """Yield the id, the old and the new price of each product that the repricing changed."""
    of_its_time = ProductHistory.objects.filter(pk__gt=repricing.after, pk__lte=repricing.last)
    rows = of_its_time.filter(reason=repricing.reason).order_by("pk").values_list("product_id", "fields")
    for product_id, fields in rows:
        for each in fields:
            if each["field"] == "price":
                yield product_id, Decimal(each["old"]), Decimal(each["new"])


def _changed(actor: Actor, changes: Sequence[ProductChange]) -> int:
    done = 0
    for start in range(0, len(changes), ROWS_LOCKED):
        try:
            results = change_products(actor=actor, changes=changes[start : start + ROWS_LOCKED])
        except OperationalError as error:
            if not is_lock_timeout(error):
                raise
            continue  # these 500 keep their prices; those before are changed already
        done += sum(isinstance(result, Product) for result in results)
    return done


def _last_change() -> int:
    return ProductHistory.objects.aggregate(last=Max("pk"))["last"] or 0
