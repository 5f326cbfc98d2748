"""Changes of many products that name each product by its SKU, as staff and suppliers know it."""

from collections.abc import Mapping, Sequence
from typing import Any

from catalog.bulk.changing import ProductChange, change_products
from catalog.errors import ProductNotFound
from catalog.models import Product
from catalog.permissions import can_edit_products
from core.actors import Actor
from core.errors import DomainError, InvalidInput
from core.permissions import permitted


@permitted(can_edit_products)
def change_products_by_sku(*, actor: Actor, rows: Sequence[Mapping[str, Any]]) -> list[Product | DomainError]:
    """Make each valid change. A row has the `sku`, the new values of fields, and `add_stock`, the units to add.

    Returns, for each row in order, the product or the exception that refused it: ProductNotFound, InvalidInput. One
    transaction, and three statements however many rows.
    """
    ids = _ids_of(actor, {row["sku"].lower() for row in rows})
    planned: list[ProductChange | DomainError] = []
    seen: set[str] = set()
    for row in rows:
        sku = row["sku"].lower()
        planned.append(_change(row, ids.get(sku), is_repeated=sku in seen))
        seen.add(sku)
    made = iter(change_products(actor=actor, changes=[each for each in planned if isinstance(each, ProductChange)]))
    return [each if isinstance(each, DomainError) else next(made) for each in planned]


def _ids_of(actor: Actor, skus: set[str]) -> dict[str, int]:
    rows = Product.objects.visible_to(actor).with_skus(skus)
    return {sku.lower(): pk for sku, pk in rows.values_list("sku", "pk") if sku}


def _change(row: Mapping[str, Any], product_id: int | None, *, is_repeated: bool) -> ProductChange | DomainError:
    if is_repeated:
        return InvalidInput(fields={"sku": "SKU is in an earlier row too"})
    if "stock" in row and "add_stock" in row:
        return InvalidInput(fields={"add_stock": "stock and add_stock can't both be given"})
    if product_id is None:
        return ProductNotFound(f"Product with SKU {row['sku']} not found")
    values = {name: value for name, value in row.items() if name not in ("sku", "add_stock")}
    return ProductChange(product_id, values, row.get("add_stock", 0))
