"""Changes of many products at once, with a result for each."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.db import IntegrityError, connection, transaction

from catalog.actions import WRITABLE, known_categories, unknown_category
from catalog.errors import ProductChanged, SkuTaken
from catalog.json_rows import SOURCE, as_json_rows, read_from_json
from catalog.models import SKU_CONSTRAINT, Product
from catalog.permissions import can_edit_products
from core.actors import Actor
from core.databases import violated_constraint
from core.errors import DomainError
from core.permissions import permitted
from core.text.folding import folded
from core.validation.cleaning import clean_fields, is_plainly_clean


@dataclass(frozen=True)
class ProductChange:
    """New values of a product's fields, and units to add to its stock.

    The change is refused if a field of `seen` no longer has the value that the caller saw.
    """

    product_id: int
    values: Mapping[str, Any]
    add_stock: int = 0
    seen: Mapping[str, Any] = field(default_factory=dict)


@permitted(can_edit_products)
def change_products(*, actor: Actor, changes: Sequence[ProductChange]) -> list[Product | DomainError]:
    """Make each change that is valid. Returns, for each in order, the product or the exception that refused it.

    One transaction. Two statements, however many changes; locks the products in the order of their ids. The returned
    products have their new values, but not their new versions. Each change must be of another product. Raises SkuTaken
    if a SKU is taken; nothing is then changed.
    """
    with transaction.atomic():
        products = {row.pk: row for row in _locked(actor, changes)}
        known = known_categories(change.values.get("category_id") for change in changes)
        results = [_changed(products.get(change.product_id), change, known) for change in changes]
        good = [result for result in results if isinstance(result, Product)]
        _write(good, sorted({name for change in changes for name in _names(change)}))
    return results


def _names(change: ProductChange) -> set[str]:
    return {name for name in change.values if name in WRITABLE} | ({"stock"} if change.add_stock else set())


def _locked(actor: Actor, changes: Sequence[ProductChange]) -> list[Product]:
    rows = Product.objects.visible_to(actor).filter(pk__in=[change.product_id for change in changes])
    return list(rows.locked())


def _changed(
    product: Product | None, change: ProductChange, categories: Collection[int | None]
) -> Product | DomainError:
    """Set the new values of a locked product, or return the refusal."""
    if product is None:
        return Product.objects.missing(change.product_id)
    for name, value in change.seen.items():
        if getattr(product, name) != value:
            return ProductChanged(f"{name} {value}", version=product.version)
    values = {name: change.values[name] for name in change.values if name in WRITABLE}
    if change.add_stock:
        values["stock"] = product.stock + change.add_stock
    if "category_id" in values:
        values["category_id"] = values["category_id"] or None
        if values["category_id"] not in categories:
            return unknown_category(values["category_id"])
    try:
        cleaned = cleaned_values(values)
    except DomainError as refusal:
        return refusal
    for name, value in cleaned.items():
        setattr(product, name, value)
    return product


def cleaned_values(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values of some fields of a product as they will be stored. Raises InvalidInput."""
    if is_plainly_clean(Product, values):
        return values
    product = Product(**{"name": "-", "price": 1, **values})  # valid values for the required fields
    clean_fields(product)
    return {name: getattr(product, name) for name in values}


def _write(products: Sequence[Product], names: Sequence[str]) -> None:
    """Write the columns by one statement, whose only parameter is the rows, in JSON.

    `bulk_update` takes ten times as long: it writes a case for each row and column into the statement.
    """
    if not products or not names:
        return
    columns = ("id", *names, *(["name_folded"] if "name" in names else []))
    for product in products:
        product.name_folded = folded(product.name)
    rows = as_json_rows(products, columns)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_update(connection.vendor, columns), [rows])
    except IntegrityError as error:
        if SKU_CONSTRAINT not in violated_constraint(error):
            raise
        raise SkuTaken() from error


@cache
def _update(vendor: str, columns: tuple[str, ...]) -> str:
    """Return the statement; the columns are names from the code, and the first is the id."""
    pk, *values = read_from_json(columns)
    sets = ", ".join(f"{name} = {value}" for name, value in zip(columns[1:], values, strict=True))
    return f"UPDATE catalog_product SET {sets} FROM {SOURCE[vendor]} WHERE catalog_product.id = {pk}"  # noqa: S608  # as the docstring says
