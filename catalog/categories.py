"""All writes of categories that are business actions."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import IntegrityError, transaction

from catalog.errors import CategoryInUse, SlugTaken
from catalog.models import SLUG_CONSTRAINT, Category, Product
from catalog.permissions import can_edit_products
from core.actors import Actor
from core.databases import violated_constraint
from core.errors import InvalidInput
from core.permissions import permitted
from core.validation.cleaning import clean_fields

WRITABLE_OF_CATEGORY = ("name", "slug", "parent_id")


@permitted(can_edit_products)
def create_category(*, actor: Actor, values: Mapping[str, Any]) -> Category:
    """Add a category; name and slug are required. Without `parent_id`, or with 0, it is at the top.

    Raises InvalidInput, or SlugTaken.
    """
    with _locked_tree() as tree:
        return _save(Category(), values, tree)


@permitted(can_edit_products)
def change_category(*, actor: Actor, category_id: int, changes: Mapping[str, Any]) -> Category:
    """Rename or move a category, with all below it. A `parent_id` of null or 0 moves it to the top.

    Raises CategoryNotFound, SlugTaken, or InvalidInput, also if the new parent is the category or below it.
    """
    with _locked_tree() as tree:
        category: Category = Category.objects.one(actor, category_id)
        return _save(category, changes, tree)


@permitted(can_edit_products)
def delete_category(*, actor: Actor, category_id: int) -> None:
    """Delete an empty category. Raises CategoryNotFound, or CategoryInUse if it has products or subcategories."""
    with _locked_tree() as tree:
        category: Category = Category.objects.one(actor, category_id)
        children = sum(parent == category_id for parent in tree.values())
        products = Product.objects.filter(category_id=category_id).count()
        if products or children:
            raise CategoryInUse(products=products, categories=children)
        category.delete()


@contextmanager
def _locked_tree() -> Iterator[dict[int, int | None]]:
    """Lock all categories, so that two moves can't close a cycle together. Yields each id's parent."""
    with transaction.atomic():
        yield dict(Category.objects.locked().values_list("pk", "parent_id"))


def _save(category: Category, values: Mapping[str, Any], tree: Mapping[int, int | None]) -> Category:
    for name in WRITABLE_OF_CATEGORY:
        if name in values:
            setattr(category, name, values[name])
    category.parent_id = category.parent_id or None
    clean_fields(category)
    if category.parent_id is not None and category.parent_id not in tree:
        raise InvalidInput(fields={"parent_id": f"Category {category.parent_id} not found"})
    if category.pk is not None and category.pk in _with_ancestors(category.parent_id, tree):
        raise InvalidInput(fields={"parent_id": "A category can't be moved below itself"})
    try:
        with transaction.atomic():
            category.save()
    except IntegrityError as error:
        violated = violated_constraint(error)
        if SLUG_CONSTRAINT not in violated and "catalog_category.slug" not in violated:
            raise
        raise SlugTaken() from error
    return category


def _with_ancestors(pk: int | None, tree: Mapping[int, int | None]) -> set[int]:
    found: set[int] = set()
    while pk is not None and pk not in found:
        found.add(pk)
        pk = tree.get(pk)
    return found
