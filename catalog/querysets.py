"""All queries of products and categories."""

from collections.abc import Collection, Iterable
from functools import cache
from typing import TYPE_CHECKING, Self

from django.apps import apps
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce

from catalog.errors import CategoryNotFound, PriceChangeNotFound, ProductNotFound
from core.actors import Actor
from core.databases import is_postgresql
from core.history.changes import NumberOfFields
from core.lists.bound import Bound, through
from core.lists.keyset import Sort
from core.permissions import require
from core.plans.statements import Statement
from core.querysets import ShopQuerySet
from core.text.ascii import AsciiLower
from core.validation.validators import MAX_INT32

if TYPE_CHECKING:
    from catalog.models import Category, PriceChange, Product, ProductHistory  # noqa: F401  # the types in quotes below

SORT_KEYS = ("id", "name", "price", "stock", "created_at", "updated_at")
BY_NAME = Sort("name")
# UNION, not UNION ALL: it ends even if concurrent manual SQL has made a cycle.
BRANCH = """
WITH RECURSIVE branch(id) AS (
    SELECT id FROM catalog_category WHERE {start}
    UNION SELECT child.id FROM catalog_category child JOIN branch ON child.parent_id = branch.id
) SELECT id FROM branch
"""
# The lock of a foreign key, which Django lacks: others can change the row, but not delete it.
PROTECT = "SELECT id FROM catalog_category WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE"


class CategoryQuerySet(ShopQuerySet["Category"]):
    is_open = True
    not_found = CategoryNotFound

    def in_tree(self) -> "list[tuple[int, Category]]":
        """Return each category with its depth, each one before those below it. One statement."""
        below: dict[int | None, list[Category]] = {}
        for category in self.order_by("name", "id"):
            below.setdefault(category.parent_id, []).append(category)
        found, rest = [], [(0, category) for category in reversed(below.get(None, []))]
        while rest:
            depth, category = rest.pop()
            found.append((depth, category))
            rest += [(depth + 1, child) for child in reversed(below.get(category.pk, []))]
        return found

    def protected_ids(self, ids: Iterable[int]) -> set[int]:
        """Return the ids that exist, and protect their rows from deletion until the transaction ends. One statement.

        The foreign key alone is checked at commit, too late for a refusal. SQLite has one writer at a time.
        """
        if is_postgresql():
            return {category.pk for category in self.raw(PROTECT, [list(ids)])}
        return set(self.filter(pk__in=ids).values_list("pk", flat=True))

    def branch(self, named: int | str) -> Self:
        """Return the category with this id or slug, and all categories below it; no rows if it does not exist."""
        return self.filter(pk__in=ids_of_branch(named))


def ids_of_branch(named: int | str) -> frozenset[int]:
    """Return the ids of the category with this id or slug, and of all categories below it. One statement."""
    is_id = str(named).isascii() and str(named).isdigit()
    if is_id and int(named) > MAX_INT32:
        return frozenset()
    rows = _branch(by="id").rows(named=int(named)) if is_id else _branch(by="slug").rows(named=named)
    return frozenset(pk for (pk,) in rows)


@cache
def _branch(by: str) -> Statement:
    ids = RawSQL(BRANCH.format(start=f"{by} = %s"), [Bound("named")])  # noqa: S611  # two constant texts
    categories = apps.get_model("catalog", "Category").objects
    return Statement(lambda: categories.filter(pk__in=ids).order_by().values_list("pk"))


class ProductQuerySet(ShopQuerySet["Product"]):
    is_open = True
    not_found = ProductNotFound

    def search(self, text: str | Bound) -> Self:
        """Return products with `text` in their name, ignoring case and Unicode form."""
        return self.filter(name__has=text)

    def with_sku(self, sku: str | Bound) -> Self:
        """Return the product with this whole SKU, ignoring case, by the unique index."""
        return self.alias(sku_lower=AsciiLower("sku")).filter(sku_lower=through(str.lower, sku))

    def with_skus(self, skus: Iterable[str]) -> Self:
        """Return the products with these SKUs, in lower case, by the unique index."""
        return self.alias(sku_lower=AsciiLower("sku")).filter(sku_lower__any_of_texts=skus)

    def low(self) -> Self:
        """Return the products whose stock is at their reorder level or below."""
        return self.filter(stock__lte=F("reorder_level"))

    def in_category(self, named: int | str) -> Self:
        """Return the products of the category with this id or slug, and of all categories below it.

        The ids are read at once: with known ids, both databases use the index, and need no sort for one category.
        """
        return self.in_categories(ids_of_branch(named))

    def in_categories(self, ids: Collection[int]) -> Self:
        return self.filter(category_id__in=ids)

    def off_ledger(self) -> "QuerySet[Product, tuple[int, str | None, int, int]]":
        """Return (id, SKU, stock, sum of the ledger) of each product whose stock differs from the sum."""
        changes = apps.get_model("catalog", "ProductHistory").objects.filter(product_id=OuterRef("pk"))
        total = changes.order_by().values("product_id").annotate(total=Sum("units")).values("total")
        summed = self.annotate(ledger=Coalesce(Subquery(total), 0)).exclude(stock=F("ledger"))
        return summed.order_by("pk").values_list("pk", "sku", "stock", "ledger")

    def without_changes_after(self, change_id: int) -> Self:
        """Leave out the products with a later change in their history. Changes of the stock alone do not count."""
        later = apps.get_model("catalog", "ProductHistory").objects.filter(product_id=OuterRef("pk"), pk__gt=change_id)
        of_stock_alone = Q(units__isnull=False, number_of_fields=1)
        return self.exclude(Exists(later.alias(number_of_fields=NumberOfFields("fields")).exclude(of_stock_alone)))

    def for_list(self) -> Self:
        """Load only the fields that lists show."""
        return self.only("id", "name", "price", "stock", "version")


class ProductHistoryQuerySet(ShopQuerySet["ProductHistory"]):
    """Changes of products, for staff."""

    def of(self, caller: Actor, product_id: int) -> Self:
        """Return the changes of a product, the newest first; a deleted product keeps them. Raises ProductNotFound."""
        require(caller, self.readers)
        found = self.filter(product_id=product_id).order_by("-id")
        if not found.exists():
            self._products().one(caller, product_id)
        return found

    @staticmethod
    def _products() -> ProductQuerySet:
        found: ProductQuerySet = apps.get_model("catalog", "Product").objects.all()  # the model imports this module
        return found

    def left_by_deleted_products(self) -> "QuerySet[ProductHistory, tuple[int, int]]":
        """Return (id, units) of each deleted product whose ledger does not end at zero."""
        gone = self.exclude(Exists(self._products().filter(pk=OuterRef("product_id"))))
        sums = gone.order_by().values("product_id").annotate(left=Sum("units")).exclude(left=0)
        return sums.filter(left__isnull=False).values_list("product_id", "left")


class PriceChangeQuerySet(ShopQuerySet["PriceChange"]):
    """Changes of many prices, for staff."""

    not_found = PriceChangeNotFound
