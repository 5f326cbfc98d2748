"""All writes of products that are business actions."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction

from catalog.adding import insert_products
from catalog.errors import ProductChanged, SkuTaken, StaleProduct
from catalog.images.files import discard_on_commit, stored
from catalog.images.reading import read_image
from catalog.models import SKU_CONSTRAINT, Category, Product, ProductHistory
from catalog.permissions import can_edit_products
from core.actors import Actor
from core.databases import violated_constraint
from core.django_internals import new_row
from core.errors import DomainError, InvalidInput
from core.idempotency import once
from core.origin import originating
from core.permissions import permitted, signed_in
from core.validation.cleaning import clean_fields, clean_values, is_plainly_clean
from core.validation.validators import MAX_INT32

WRITABLE = ("name", "description", "price", "stock", "reorder_level", "sku", "category_id")
REQUIRED: Mapping[str, object] = {"name": None, "price": None}
DEFAULTS: Mapping[str, object] = {
    field.attname: field.get_default()
    for field in Product._meta.concrete_fields
    if field.attname in WRITABLE and field.name not in REQUIRED
}
Condition = Callable[[Product], str | None]  # names the condition that a product does not meet; None if it meets all


@permitted(can_edit_products)
def create_product(*, actor: Actor, values: Mapping[str, object]) -> Product:
    """Add a product. `values` maps field names to values; name and price are required.

    Raises InvalidInput, or SkuTaken if another product has the same SKU, ignoring case.
    """
    product = Product(**_writable(values))
    _normalise(product)
    if product.category_id is None:
        return _save(product)
    with transaction.atomic():
        require_category(product.category_id)
        return _save(product)


@permitted(can_edit_products)
def replace_product(
    *,
    actor: Actor,
    product_id: int,
    values: Mapping[str, Any],
    expected_version: int | None = None,
    condition: Condition | None = None,
) -> Product:
    """Set every field. Fields missing from `values` return to their default. Raises as `change_product` does."""
    return change_product(
        actor=actor,
        product_id=product_id,
        changes={**REQUIRED, **DEFAULTS, **values},
        expected_version=expected_version,
        condition=condition,
    )


@permitted(can_edit_products)
def change_product(
    *,
    actor: Actor,
    product_id: int,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
    condition: Condition | None = None,
) -> Product:
    """Set the fields named in `changes`, under the product's row lock.

    Raises ProductNotFound, StaleProduct if `expected_version` is not the current version, ProductChanged if the product
    does not meet the `condition`, InvalidInput, SkuTaken.
    """
    with transaction.atomic():
        product = _locked(actor, product_id, expected_version, condition)
        wanted = _writable(changes)
        if not wanted:
            return product
        for name, value in wanted.items():
            setattr(product, name, value)
        _normalise(product)
        if "category_id" in wanted:
            require_category(product.category_id)
        return _save(product, update_fields=list(wanted))


@permitted(can_edit_products)
def correct_stock(*, actor: Actor, product_id: int, units: int, reason: str, key: str | None = None) -> Product:
    """Add units to the stock, or take them if `units` is negative; sales in between are no conflict.

    A retry with the same key corrects nothing, and returns the current product.
    Raises ProductNotFound, IdempotencyMismatch, InProgress, or InvalidInput if `units` is 0, if the stock would leave
    its range, if the reason is missing or if the key is invalid.
    """
    errors = {"reason": "Reason is required"} if not reason.strip() else {}
    if not units:
        errors["units"] = "Units must not be 0"
    if errors:
        raise InvalidInput(fields=errors)
    cleaned = clean_values(ProductHistory, {"reason": reason.strip()})

    def act() -> tuple[Product, dict[str, int]]:
        with originating(cause="correction", **cleaned):
            return _corrected(actor, product_id, units), {"product": product_id}

    return once(
        caller_id=signed_in(actor).pk,
        operation="correct_stock",
        key=key,
        validated=[product_id, units, cleaned["reason"]],
        act=act,
        recall=lambda memo: Product.objects.one(actor, memo["product"]),
    )


def _corrected(actor: Actor, product_id: int, units: int) -> Product:
    with transaction.atomic():
        product = _locked(actor, product_id, None, None)
        if not 0 <= product.stock + units <= MAX_INT32:
            raise InvalidInput(fields={"units": f"Stock is {product.stock}: it must stay between 0 and {MAX_INT32}"})
        product.stock += units
        return _save(product, update_fields=["stock"])


@permitted(can_edit_products)
def revert_product(*, actor: Actor, product_id: int, change_id: int) -> Product:
    """Set the fields of one earlier change back to their old values. The stock keeps its value: sales have followed.

    Raises ProductNotFound, SkuTaken, or InvalidInput if the product has no such change, or none that can be reverted.
    """
    change = ProductHistory.objects.filter(product_id=product_id, pk=change_id).first()
    back = change.reverted_values if change else {}
    if not back:
        Product.objects.one(actor, product_id)
        raise InvalidInput(fields={"change_id": "The product has no change with this id that can be reverted"})
    with originating(cause="revert", reason=f"Change {change_id}"):
        return change_product(actor=actor, product_id=product_id, changes=back)


@permitted(can_edit_products)
def set_product_image(
    *,
    actor: Actor,
    product_id: int,
    content: bytes,
    expected_version: int | None = None,
    condition: Condition | None = None,
) -> Product:
    """Replace the image of the product and its thumbnail.

    `content` is a JPEG, PNG or WebP file. Raises InvalidInput if it is not, and as `change_product` does. After an
    exception, no file is stored.
    """
    with stored(read_image(content)) as image, transaction.atomic():
        product = _set_image(_locked(actor, product_id, expected_version, condition), image.name)
        image.is_used = True
        return product


@permitted(can_edit_products)
def remove_product_image(
    *, actor: Actor, product_id: int, expected_version: int | None = None, condition: Condition | None = None
) -> Product:
    """Remove the image of the product, if it has one. Raises ProductNotFound, StaleProduct, ProductChanged."""
    with transaction.atomic():
        product = _locked(actor, product_id, expected_version, condition)
        return product if product.image is None else _set_image(product, None)


@permitted(can_edit_products)
def delete_product(
    *, actor: Actor, product_id: int, expected_version: int | None = None, condition: Condition | None = None
) -> None:
    """Delete a product. Orders keep their copies of its name, SKU and price.

    Raises ProductNotFound, StaleProduct, ProductChanged, as `change_product` does.
    """
    with transaction.atomic():
        product = _locked(actor, product_id, expected_version, condition)
        discard_on_commit(product.image)
        product.delete()


@permitted(can_edit_products)
def create_products(*, actor: Actor, rows: Sequence[Mapping[str, object]]) -> list[Product | DomainError]:
    """Add each valid product. Returns, for each row in order, the product or the exception that refused it.

    One transaction. One statement for all rows, or one for each row if a SKU among them is taken.
    """
    cleaned = [_cleaned(values) for values in rows]
    with transaction.atomic():
        known = known_categories(row.category_id for row in cleaned if isinstance(row, Product))
        results = [_in_known_category(row, known) for row in cleaned]
        good = [result for result in results if isinstance(result, Product)]
        try:
            with transaction.atomic():
                insert_products(good)
        except IntegrityError:
            return [_saved_or_refused(row) if isinstance(row, Product) else row for row in results]
    return results


def known_categories(ids: Iterable[int | None]) -> Collection[int | None]:
    """Return the ids that are ids of categories, and None. At most one statement.

    Call it in the transaction that uses the ids: none of these categories is deleted before its end.
    """
    given = {pk for pk in ids if pk is not None}
    return {None, *Category.objects.protected_ids(given)} if given else {None}


def require_category(pk: int | None) -> None:
    """Raise InvalidInput if the category does not exist. See `known_categories`."""
    if pk not in known_categories([pk]):
        raise unknown_category(pk)


def unknown_category(pk: int | None) -> InvalidInput:
    return InvalidInput(fields={"category_id": f"Category {pk} not found"})


def _in_known_category(row: Product | DomainError, known: Collection[int | None]) -> Product | DomainError:
    if isinstance(row, DomainError) or row.category_id in known:
        return row
    return unknown_category(row.category_id)


def _writable(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if name in WRITABLE}


def _normalise(product: Product) -> None:
    product.sku, product.category_id = product.sku or None, product.category_id or None
    clean_fields(product)


def _cleaned(values: Mapping[str, object]) -> Product | DomainError:
    wanted = _writable(values)
    product = new_row(Product, wanted)
    if (
        wanted.keys() >= REQUIRED.keys()
        and wanted.get("sku") != ""
        and wanted.get("category_id") != 0
        and is_plainly_clean(Product, wanted)
    ):
        return product
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


def _locked(actor: Actor, product_id: int, expected_version: int | None, condition: Condition | None) -> Product:
    product: Product = Product.objects.locked().one(actor, product_id)
    if condition and (unmet := condition(product)):
        raise ProductChanged(unmet, version=product.version)
    if expected_version is not None and product.version != expected_version:
        raise StaleProduct(expected=expected_version, version=product.version)
    return product


def _set_image(product: Product, name: str | None) -> Product:
    discard_on_commit(product.image)
    product.image = name
    return _save(product, update_fields=["image"])


def _save(product: Product, update_fields: list[str] | None = None) -> Product:
    try:
        with transaction.atomic():
            product.save(update_fields=update_fields)
    except IntegrityError as error:
        if SKU_CONSTRAINT not in violated_constraint(error):
            raise
        raise SkuTaken() from error
    if update_fields:
        product.refresh_from_db(fields=["version", "updated_at"])  # the trigger sets them
    return product
