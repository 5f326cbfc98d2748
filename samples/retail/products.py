"""Writes stock codes as products, with enough stock for the imported history."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from django.db.models import Sum

from catalog.models import Product
from core.validation.validators import MAX_INT32
from orders.models import OrderItem, RetailSupply, ReturnedUnits
from samples.retail.batches import Batches, chunks, update_rows
from samples.retail.known import Known
from samples.retail.matching import Plan
from samples.retail.survey import Code

PRODUCTS_A_TRANSACTION = 200
PRODUCT_FIELDS = ("stock", "name", "price")
SUPPLY_FIELDS = ("supplied", "sold", "returned", "name", "price", "last_at")


class Traded(NamedTuple):
    """Units of one product over all imports, including this one."""

    sold: int
    returned: int


def supplied(traded: Traded) -> int:
    """Return the number of units that the shop was supplied with: the sold units and a tenth more, rounded up.

    It is lower if the stock would exceed 32 bits.
    """
    return min(traded.sold + -(-traded.sold // 10), MAX_INT32 + traded.sold - traded.returned)


def write_products(
    codes: Mapping[str, Code], plan: Plan, known: Known, batches: Batches
) -> tuple[dict[str, int], int, int]:
    """Add the missing products and update those of earlier imports.

    A product that no import created does not change. If an import created it, the stock changes by the units of this
    import, and name and price follow the latest sale unless staff changed them.
    Returns the ids by code, the number of new products and the number of changed products.
    """
    ids = dict(_products_of(codes))
    returned = _new_returns(plan, known)
    changed = 0
    imported = Product.objects.filter(retail_supply__isnull=False).order_by("pk").values_list("pk", flat=True)
    for product_ids in chunks(list(imported), PRODUCTS_A_TRANSACTION):
        changed += _change([update for update in _updates(product_ids, codes, returned) if update.has_changes], batches)
    missing = [code for code, found in codes.items() if code not in ids and found.new_units]
    for chunk in chunks(missing, PRODUCTS_A_TRANSACTION):
        ids |= _add([(code, codes[code], Traded(codes[code].new_units, returned[code])) for code in chunk], batches)
    return ids, len(missing), changed


def _products_of(codes: Iterable[str]) -> Iterator[tuple[str, int]]:
    for chunk in chunks(code.lower() for code in codes):
        for sku, pk in Product.objects.with_skus(chunk).values_list("sku", "pk"):
            yield (sku or "").upper(), pk


def _new_returns(plan: Plan, known: Known) -> Counter[str]:
    """Return the units, by code, that this import is going to return."""
    units: Counter[str] = Counter()
    for number, returns in plan.returns.items():
        for one in returns:
            returned = known.units_returned((one.reference, one.code), (number, one.position))
            units[one.code] += max(0, one.units - returned)
    return units


def _add(found: list[tuple[str, Code, Traded]], batches: Batches) -> dict[str, int]:
    products = [
        Product(
            sku=sku,
            name=code.name,
            price=code.price,
            stock=supplied(traded) - traded.sold + traded.returned,
            created_at=code.first_at,
            updated_at=code.last_at,
        )
        for sku, code, traded in found
    ]
    with batches.transaction():
        Product.objects.bulk_create(products)
        RetailSupply.objects.bulk_create(
            RetailSupply(
                product=product,
                supplied=supplied(traded),
                sold=traded.sold,
                returned=traded.returned,
                name=code.name,
                price=code.price,
                last_at=code.last_at,
            )
            for product, (_, code, traded) in zip(products, found, strict=True)
        )
    return {product.sku or "": product.pk for product in products}


@dataclass
class _ProductUpdate:
    """A product that an import created, with its units before and after this import."""

    supply: RetailSupply
    traded: Traded
    latest: Code | None  # its data in this file; None if the file has none, or if an earlier import had a later sale

    @property
    def has_changes(self) -> bool:
        supply, latest = self.supply, self.latest
        renamed = latest is not None and (latest.name, latest.price) != (supply.name, supply.price)
        return renamed or self.traded != (supply.sold, supply.returned)

    def apply(self, product: Product) -> bool:
        """Update the fields of the product and of its supply; return whether the product changed."""
        before = product.stock, product.name, product.price
        self._add_stock(product)
        if self.latest is not None:
            self._rename(product, self.latest)
        return before != (product.stock, product.name, product.price)

    def _rename(self, product: Product, latest: Code) -> None:
        supply = self.supply
        if product.name == supply.name:
            product.name = latest.name
        if product.price == supply.price:
            product.price = latest.price
        supply.name, supply.price, supply.last_at = latest.name, latest.price, latest.last_at

    def _add_stock(self, product: Product) -> None:
        supply = self.supply
        before = supply.supplied - supply.sold + supply.returned
        supply.sold, supply.returned = self.traded
        supply.supplied = max(supply.supplied, supplied(self.traded))
        more = supply.supplied - supply.sold + supply.returned - before
        product.stock = min(product.stock + more, MAX_INT32)


def _updates(
    product_ids: list[int], codes: Mapping[str, Code], returned: Mapping[str, int]
) -> Iterator[_ProductUpdate]:
    supplies = list(RetailSupply.objects.filter(pk__in=product_ids).select_related("product").order_by("pk"))
    skus = {supply.pk: (supply.product.sku or "").upper() for supply in supplies}
    sold = {pk: codes[sku].new_units for pk, sku in skus.items() if sku in codes}
    traded = _traded([pk for pk, sku in skus.items() if sold.get(pk) or returned[sku]])
    for supply in supplies:
        sku, before = skus[supply.pk], traded.get(supply.pk, Traded(0, 0))
        # Not lower than before: if staff removed an order or a line, the stock must not change.
        sold_then = max(supply.sold, before.sold + sold.get(supply.pk, 0))
        returned_then = max(supply.returned, before.returned + returned[sku])
        code = codes.get(sku)
        latest = code if code and code.last_at >= supply.last_at else None
        yield _ProductUpdate(supply, Traded(sold_then, returned_then), latest)


def _traded(product_ids: list[int]) -> dict[int, Traded]:
    """Return the units of these products in the imported orders of the shop."""
    lines = OrderItem.objects.filter(product_id__in=product_ids, order__retail_invoice__isnull=False)
    back = ReturnedUnits.objects.filter(item__product_id__in=product_ids)
    sold = dict(lines.values_list("product_id").annotate(Sum("quantity")).order_by())
    returned = dict(back.values_list("item__product_id").annotate(Sum("units")).order_by())
    return {pk: Traded(sold.get(pk, 0), returned.get(pk, 0)) for pk in product_ids}


def _change(updates: list[_ProductUpdate], batches: Batches) -> int:
    if not updates:
        return 0
    with batches.transaction():
        imported = Product.objects.filter(pk__in=[update.supply.pk for update in updates])
        products = {product.pk: product for product in imported.locked()}
        existing = [update for update in updates if update.supply.pk in products]
        changed = [products[one.supply.pk] for one in existing if one.apply(products[one.supply.pk])]
        update_rows(Product, PRODUCT_FIELDS, [(one.stock, one.name, one.price, one.pk) for one in changed])
        rows = [[*attrgetter(*SUPPLY_FIELDS)(update.supply), update.supply.pk] for update in existing]
        update_rows(RetailSupply, SUPPLY_FIELDS, rows)
    return len(changed)
