"""Changes the prices of all products of a filter by a percentage, and undoes such a change from the history."""

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db import OperationalError
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

from catalog.bulk.changing import ProductChange, change_products
from catalog.errors import PriceChangeUndone
from catalog.models import MAX_PRICE, MIN_PRICE, PriceChange, Product, ProductHistory
from catalog.permissions import can_edit_products
from catalog.pricing import MAX_PERCENT, MIN_PERCENT, changed_by_percent, percent_text, rounded
from catalog.querysets import ProductQuerySet
from core.actors import Actor
from core.databases import is_lock_timeout, is_postgresql
from core.errors import DomainError, InProgress, InvalidInput, TooLarge
from core.idempotency import once
from core.origin import originating
from core.permissions import permitted, signed_in
from core.validation.cleaning import clean_values

MOST = 50_000  # products at once: their prices are in memory, and the client waits
EXAMPLES = 20  # of a preview: the first products, and the first ones that would be refused
LEFT_IDS = 1_000  # of an undo
ROWS_LOCKED = 500  # per transaction: orders of these products wait for it
PAUSE_S = 0.05  # between transactions on SQLite: a writer that waits tries again up to 0.1 s later
LEASE = timedelta(minutes=10)  # after this time, a change that is still being applied or undone can be continued
AS_OF = re.compile("[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True)
class ProductSelection:
    """The products of a filter. `asked` is the filter as texts, the same in every protocol."""

    products: ProductQuerySet
    asked: Mapping[str, str]


@dataclass(frozen=True)
class PriceRow:
    """The new price of a product. `problem` says why it is not valid, `refusal` why the change was refused."""

    product: Product
    exact: Decimal | None = None
    price: Decimal | None = None
    problem: str = ""
    refusal: str = ""

    @property
    def is_wanted(self) -> bool:
        return self.price is not None and not self.problem and self.price != self.product.price


class PricePreview(NamedTuple):
    """The result of a change of prices, before it is made. `as_of` is the id of the last change in the history."""

    percent: Decimal
    matched: int
    changed: int
    unchanged: int
    refused: int
    as_of: str
    examples: Sequence[PriceRow]
    refusals: Sequence[PriceRow]


class _Plan(NamedTuple):
    """The id, the old and the new price of each product whose price changes, in the order of the ids."""

    changes: list[tuple[int, Decimal, Decimal]]
    unchanged: int
    refused_ids: list[int]


class _Done(NamedTuple):
    """The ids of the changed products, and of those that other transactions kept locked."""

    changed: set[int]
    locked: set[int]


def price_row(product: Product, percent: Decimal) -> PriceRow:
    """Return the new price of a product, and why it is refused if it is not valid."""
    exact = changed_by_percent(product.price, percent)
    price = rounded(exact)
    try:
        clean_values(Product, {"price": price})
    except DomainError as refusal:
        return PriceRow(product, exact, price, refusal.message)
    return PriceRow(product, exact, price)


def selected_count(selection: ProductSelection) -> int:
    """Return the number of selected products. Raises InvalidInput if there are none, TooLarge if there are too many."""
    count: int = selection.products.order_by()[: MOST + 1].count()
    if not count:
        raise InvalidInput("No product matches the filter")
    if count > MOST:
        raise TooLarge(f"At most {MOST} products at once: narrow the list by a search or a filter")
    return count


def last_change() -> int:
    """Return the id of the newest change in the history of products."""
    return ProductHistory.objects.aggregate(last=Max("pk"))["last"] or 0


@permitted(can_edit_products)
def preview_prices(*, actor: Actor, selection: ProductSelection, percent: Decimal) -> PricePreview:
    """Return what a change of the prices of all selected products would do. Raises InvalidInput, TooLarge."""
    _check_percent(percent)
    as_of = last_change()
    products = selection.products.order_by("pk")
    count = selected_count(selection)
    plan = _planned(_prices(products), percent)
    refused = Product.objects.filter(pk__in=plan.refused_ids[:EXAMPLES]).order_by("pk")
    return PricePreview(
        percent=percent,
        matched=count,
        changed=len(plan.changes),
        unchanged=plan.unchanged,
        refused=len(plan.refused_ids),
        as_of=str(as_of),
        examples=[price_row(row, percent) for row in products[:EXAMPLES]],
        refusals=[price_row(row, percent) for row in refused],
    )


@permitted(can_edit_products)
def change_prices(
    *, actor: Actor, selection: ProductSelection, percent: Decimal, as_of: str = "", key: str | None = None
) -> PriceChange:
    """Change the price of each selected product by the percentage, rounded half up to two decimals.

    If `as_of` of a preview is given, a product that has changed since keeps its price, unless only its stock has.
    A product is refused if its new price is out of range, or if another transaction keeps it locked.
    One transaction and two statements for every 500 products, in the order of their ids, in which orders lock them too.
    If this caller used the key before, returns the change of that call. If its process died, continues it first.
    Raises InvalidInput, TooLarge, IdempotencyMismatch, InProgress, PriceChangeNotFound.
    """
    _check_percent(percent)
    seen_at = _change_id(as_of)
    staff = signed_in(actor)

    def act() -> tuple[PriceChange, dict[str, int]]:
        count, after = selected_count(selection), last_change()
        made = PriceChange.objects.create(actor=staff, percent=percent, matched=count, after=after)
        return made, {"price_change": made.pk}

    made: PriceChange = once(
        caller_id=staff.pk,
        operation="change_prices",
        key=key,
        validated=[dict(selection.asked), percent_text(percent), as_of],
        act=act,
        recall=lambda memo: PriceChange.objects.existing(memo["price_change"]),
    )
    if made.applied_at or made.undone_at:
        return made
    with _busy_with(made.pk, Q(applied_at=None, undone_at=None)) as change:
        seen_at = change.after if seen_at is None else seen_at
        _apply(actor, change, selection.products.without_changes_after(seen_at))
    return change


@permitted(can_edit_products)
def undo_price_change(*, actor: Actor, price_change_id: int) -> PriceChange:
    """Restore the old price of each product that still has the new one. `left_ids` has the first of the others.

    Transactions as in `change_prices`. Raises PriceChangeNotFound, PriceChangeUndone, InProgress.
    """
    made = PriceChange.objects.existing(price_change_id)
    if made.undone_at:
        raise PriceChangeUndone(f"Price change {price_change_id} is already undone")
    with _busy_with(made.pk, Q(undone_at=None)) as change:
        rows = sorted(prices_changed_by(change))
        with originating(cause="revert", reason=f"Undo of price change {change.pk}"):
            restored = _changed(actor, [(pk, new, old) for pk, old, new in rows]).changed
        left = [pk for pk, _, _ in rows if pk not in restored]
        change.restored, change.left_ids, change.undone_at = len(restored), left[:LEFT_IDS], timezone.now()
        change.save(update_fields=["restored", "left_ids", "undone_at"])
    return change


def prices_changed_by(change: PriceChange) -> Iterator[tuple[int, Decimal, Decimal]]:
    """Yield the id, the old and the new price of each product whose price the change changed."""
    rows = ProductHistory.objects.filter(pk__gt=change.after, reason=change.reason)
    if change.last is not None:
        rows = rows.filter(pk__lte=change.last)
    for product_id, fields in rows.order_by("pk").values_list("product_id", "fields"):
        for each in fields:
            if each["field"] == "price":
                yield product_id, Decimal(each["old"]), Decimal(each["new"])


@contextmanager
def _busy_with(pk: int, condition: Q) -> Iterator[PriceChange]:
    """Let no other call apply or undo this change. Raises InProgress if another does, PriceChangeUndone.

    The row is not locked meanwhile, because the work takes many transactions. If a process dies, the next call
    continues after LEASE, which is much longer than the largest change takes.
    """
    now = timezone.now()
    until, is_free = now + LEASE, Q(busy_until=None) | Q(busy_until__lt=now)
    if not PriceChange.objects.filter(is_free, condition, pk=pk).update(busy_until=until):
        if PriceChange.objects.existing(pk).undone_at:
            raise PriceChangeUndone(f"Price change {pk} is already undone")
        raise InProgress(f"Price change {pk} is in progress", retry_after_s=1)
    try:
        yield PriceChange.objects.existing(pk)
    finally:
        PriceChange.objects.filter(pk=pk, busy_until=until).update(busy_until=None)


def _apply(actor: Actor, change: PriceChange, products: "QuerySet[Product]") -> None:
    plan = _planned(_prices(products.order_by("pk")), change.percent)
    with originating(reason=change.reason):
        done = _changed(actor, plan.changes)
    change.last = last_change()
    change.changed = sum(1 for _ in prices_changed_by(change))  # by an earlier call with the same key too
    change.unchanged, change.refused = plan.unchanged, len(plan.refused_ids) + len(done.locked)
    change.stale = max(0, change.matched - change.changed - change.unchanged - change.refused)
    change.applied_at = timezone.now()
    change.save(update_fields=["last", "changed", "unchanged", "refused", "stale", "applied_at"])


def _prices(products: "QuerySet[Product]") -> list[tuple[int, Decimal]]:
    return list(products.values_list("pk", "price"))


def _planned(prices: Iterable[tuple[int, Decimal]], percent: Decimal) -> _Plan:
    plan = _Plan([], 0, [])
    unchanged = 0
    for pk, old in prices:
        new = rounded(changed_by_percent(old, percent))
        if not MIN_PRICE <= new <= MAX_PRICE:
            plan.refused_ids.append(pk)
        elif new == old:
            unchanged += 1
        else:
            plan.changes.append((pk, old, new))
    return plan._replace(unchanged=unchanged)


def _changed(actor: Actor, prices: Sequence[tuple[int, Decimal, Decimal]]) -> _Done:
    """Set the new price of each product that still has the old one. `prices` has the id, the old and the new price."""
    done = _Done(set(), set())
    for start in range(0, len(prices), ROWS_LOCKED):
        if start and not is_postgresql():
            time.sleep(PAUSE_S)
        rows = prices[start : start + ROWS_LOCKED]
        batch = [ProductChange(pk, {"price": new}, seen={"price": old}) for pk, old, new in rows]
        try:
            results = change_products(actor=actor, changes=batch)
        except OperationalError as error:
            if not is_lock_timeout(error):
                raise
            done.locked.update(change.product_id for change in batch)  # the batches before are changed already
            continue
        done.changed.update(result.pk for result in results if isinstance(result, Product))
    return done


def _check_percent(percent: Decimal) -> None:
    if not percent or not MIN_PERCENT <= percent <= MAX_PERCENT:
        text = f"Percent must be between {MIN_PERCENT} and {MAX_PERCENT}, and not 0"
        raise InvalidInput(fields={"percent": text})


def _change_id(as_of: str) -> int | None:
    if as_of and not AS_OF.fullmatch(as_of):
        raise InvalidInput(fields={"as_of": "This must be a text that a preview returned"})
    return int(as_of) if as_of else None
