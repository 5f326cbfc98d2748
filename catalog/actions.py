"""Every write of a product that is a business verb."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction

from catalog.errors import ProductChanged, ProductNotFound, SkuTaken, StaleProduct
from catalog.models import SKU_CONSTRAINT, Product
from catalog.permissions import can_edit_products
from ecommerce.cleaning import clean_fields
from ecommerce.databases import violated_constraint
from ecommerce.errors import DomainError
from ecommerce.permissions import require

WRITABLE = ("name", "description", "price", "stock", "sku")
REQUIRED: Mapping[str, Any] = {"name": None, "price": None}
DEFAULTS: Mapping[str, Any] = {"description": "", "stock": 0, "sku": None}
Condition = Callable[[Product], str | None]  # names what a product as it stands does not meet, if there is anything


def create_product(*, actor: Any, values: Mapping[str, Any]) -> Product:
    """Add a product. `values` maps field names to values; name and price are required.

    Raises InvalidInput, or SkuTaken for a SKU that another product has in any case.
    """
    require(actor, can_edit_products(actor))
    product = Product(**_writable(values))
    _normalise(product)
    return _save(product)


def replace_product(
    *,
    actor: Any,
    product_id: int,
    values: Mapping[str, Any],
    expected_version: int | None = None,
    condition: Condition | None = None,
) -> Product:
    """Set every field: what `values` leaves out returns to its default. Errors as `change_product`."""
    return change_product(
        actor=actor,
        product_id=product_id,
        changes={**REQUIRED, **DEFAULTS, **values},
        expected_version=expected_version,
        condition=condition,
    )


def change_product(
    *,
    actor: Any,
    product_id: int,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
    condition: Condition | None = None,
) -> Product:
    """Set the fields named in `changes`, under the product's row lock.

    Raises ProductNotFound, StaleProduct when `expected_version` is not the version that stands, ProductChanged when it
    does not meet the `condition`, InvalidInput, SkuTaken.
    """
    require(actor, can_edit_products(actor))
    with transaction.atomic():
        product = _locked(product_id, expected_version, condition)
        wanted = _writable(changes)
        if not wanted:
            return product
        for name, value in wanted.items():
            setattr(product, name, value)
        _normalise(product)
        return _save(product, update_fields=list(wanted))


def delete_product(
    *, actor: Any, product_id: int, expected_version: int | None = None, condition: Condition | None = None
) -> None:
    """Remove a product; orders that name it keep what they copied. Errors as `change_product`."""
    require(actor, can_edit_products(actor))
    with transaction.atomic():
        _locked(product_id, expected_version, condition).delete()


def create_products(*, actor: Any, rows: Sequence[Mapping[str, Any]]) -> list[Product | DomainError]:
    """Add each product that is valid; the answer has, for each row in order, the product or its refusal.

    One transaction. One statement for all rows, and one for each when a SKU among them is taken.
    """
    require(actor, can_edit_products(actor))
    results: list[Product | DomainError] = [_cleaned(values) for values in rows]
    good = [result for result in results if isinstance(result, Product)]
    with transaction.atomic():
        try:
            with transaction.atomic():
                Product.objects.bulk_create(good)
        except IntegrityError:
            return [_saved_or_refused(row) if isinstance(row, Product) else row for row in results]
    return results


def _writable(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in WRITABLE}


def _normalise(product: Product) -> None:
    product.sku = product.sku or None
    clean_fields(product)


def _cleaned(values: Mapping[str, Any]) -> Product | DomainError:
    product = Product(**_writable(values))
    try:
        _normalise(product)
    except DomainError as refusal:
        return refusal
    return product


def _saved_or_refused(product: Product) -> Product | DomainError:
    product.pk = None
    product._state.adding = True
    try:
        return _save(product)
    except DomainError as refusal:
        return refusal


def _locked(product_id: int, expected_version: int | None, condition: Condition | None) -> Product:
    product = Product.objects.locked().filter(pk=product_id).first()
    if product is None:
        raise ProductNotFound(f"Product {product_id} not found")
    if condition and (unmet := condition(product)):
        raise ProductChanged(unmet, version=product.version)
    if expected_version is not None and product.version != expected_version:
        raise StaleProduct(expected=expected_version, version=product.version)
    return product


def _save(product: Product, update_fields: list[str] | None = None) -> Product:
    try:
        with transaction.atomic():
            product.save(update_fields=update_fields)
    except IntegrityError as error:
        if SKU_CONSTRAINT not in violated_constraint(error):
            raise
        raise SkuTaken() from error
    if update_fields:
        product.refresh_from_db(fields=["version", "updated_at"])  # the trigger wrote them
    return product
