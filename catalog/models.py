"""Products and their categories."""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.validators import MaxLengthValidator, MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Length
from django.utils import timezone

from catalog.pricing import percent_text
from catalog.querysets import CategoryQuerySet, PriceChangeQuerySet, ProductHistoryQuerySet, ProductQuerySet
from core.history.changes import Change, index_of_requests
from core.moments import DatabaseNow
from core.postgresql.checks import Check
from core.text.ascii import AsciiLower, printable_ascii
from core.text.search import FoldedField
from core.validation.validators import MAX_INT32, storable_text

MAX_PRICE = Decimal("9999999999.99")
MIN_PRICE = Decimal("0.01")
REORDER_LEVEL = 5  # of products that set none
MAX_DESCRIPTION_LENGTH = 20_000
IMAGES, THUMBNAILS = "images/", "thumbnails/"  # the folders of the files of one image, in the storage
STORED_NAME = re.compile(r"[0-9a-f]{32}\.(jpg|png|webp)")
SKU_CONSTRAINT = "catalog_product_sku_unique"
SLUG_CONSTRAINT = "catalog_category_slug_unique"
# A slug is never a number, so `category=7` always names an id.
SLUG = RegexValidator(
    r"^(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*\Z",
    "Slug has a-z, 0-9 and single hyphens between them, and at least one letter",
)

models.CharField.register_lookup(Length)


class Category(models.Model):
    """A node of the tree of categories. A trigger refuses cycles."""

    name = models.CharField(max_length=100, validators=storable_text)
    slug = models.CharField(max_length=100, validators=[SLUG], help_text="In lower case, for addresses and filters.")
    # Subcategories protect their parent: to delete a branch, delete its leaves first.
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, default=None, related_name="children", help_text="Empty: top."
    )

    objects = CategoryQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        verbose_name_plural = "categories"
        indexes = [models.Index(fields=["name", "id"], name="catalog_category_name")]
        constraints = [
            models.UniqueConstraint(
                fields=["slug"], name=SLUG_CONSTRAINT, violation_error_message="Slug is already taken."
            ),
            models.CheckConstraint(condition=~models.Q(name=""), name="catalog_category_name_not_empty"),
            models.CheckConstraint(condition=models.Q(name__length__lte=100), name="catalog_category_name_length"),
            models.CheckConstraint(condition=~models.Q(slug=""), name="catalog_category_slug_not_empty"),
            models.CheckConstraint(condition=models.Q(slug__length__lte=100), name="catalog_category_slug_length"),
            models.CheckConstraint(
                condition=models.Q(parent=None) | ~models.Q(parent=models.F("id")),
                name="catalog_category_not_in_itself",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    name = models.CharField(max_length=200, validators=storable_text)
    name_folded = FoldedField("name")
    description = models.TextField(
        blank=True,
        default="",
        db_default="",
        max_length=MAX_DESCRIPTION_LENGTH,  # for forms and serializers; models check only their validators
        validators=[MaxLengthValidator(MAX_DESCRIPTION_LENGTH), *storable_text],
    )
    price = models.DecimalField(max_digits=12, decimal_places=2, validators=[MinValueValidator(MIN_PRICE)])
    stock = models.IntegerField(
        default=0, db_default=0, validators=[MinValueValidator(0), MaxValueValidator(MAX_INT32)]
    )
    reorder_level = models.IntegerField(
        default=REORDER_LEVEL,
        db_default=REORDER_LEVEL,
        validators=[MinValueValidator(0), MaxValueValidator(MAX_INT32)],
        help_text="The stock at which the product counts as low.",
    )
    sku = models.CharField("SKU", max_length=64, null=True, blank=True, default=None, validators=[printable_ascii])
    # PROTECT: SET_NULL would change each product of a deleted category, with a new version and an event.
    category = models.ForeignKey(
        Category, models.PROTECT, null=True, blank=True, default=None, related_name="products", db_index=False
    )
    # The name of its files in the folders IMAGES and THUMBNAILS.
    image = models.CharField(max_length=40, null=True, blank=True, default=None, editable=False)
    version = models.IntegerField(default=1, db_default=1, editable=False)  # a trigger increments it on every update
    created_at = models.DateTimeField(default=timezone.now, db_default=DatabaseNow(), editable=False)
    updated_at = models.DateTimeField(default=timezone.now, db_default=DatabaseNow(), editable=False)  # trigger sets it

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["price", "id"], name="catalog_product_price"),
            models.Index(fields=["name", "id"], name="catalog_product_name"),
            models.Index(fields=["created_at", "id"], name="catalog_product_created"),
            models.Index(fields=["updated_at", "id"], name="catalog_product_updated"),
            models.Index(fields=["stock", "id"], name="catalog_product_stock"),
            models.Index(fields=["category", "created_at", "id"], name="catalog_product_category"),
            models.Index(
                fields=["stock", "id"],
                condition=models.Q(stock__lte=models.F("reorder_level")),
                name="catalog_product_low_stock",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                AsciiLower("sku"), name=SKU_CONSTRAINT, violation_error_message="SKU is already taken."
            ),
            Check(condition=~models.Q(name=""), postgresql="name <> ''", name="catalog_product_name_not_empty"),
            Check(condition=models.Q(name__length__lte=200), postgresql="", name="catalog_product_name_length"),
            # The upper bound also excludes PostgreSQL's NaN and SQLite's texts: both compare above every number.
            Check(
                condition=models.Q(price__gt=0) & models.Q(price__lte=MAX_PRICE),
                postgresql=f"price > 0.00 AND price <= {MAX_PRICE}",
                name="catalog_product_price_range",
            ),
            Check(
                condition=models.Q(stock__gte=0) & models.Q(stock__lte=MAX_INT32),
                postgresql="stock >= 0",
                name="catalog_product_stock_range",
            ),
            Check(
                condition=models.Q(reorder_level__gte=0) & models.Q(reorder_level__lte=MAX_INT32),
                postgresql="reorder_level >= 0",
                name="catalog_product_reorder_level_range",
            ),
            Check(condition=~models.Q(sku=""), postgresql="", name="catalog_product_sku_not_empty"),  # by sku_ascii
            Check(condition=models.Q(sku__length__lte=64), postgresql="", name="catalog_product_sku_length"),
            Check(
                condition=models.Q(image__length__gte=1) & models.Q(image__length__lte=40),
                postgresql="image <> ''",
                name="catalog_product_image_length",
            ),
            # For printable ASCII, the lower case equals the folded form.
            Check(
                condition=models.Q(sku__is_printable_ascii=True),
                postgresql="""(sku COLLATE "C") ~ '^[ -~]+$'""",
                name="catalog_product_sku_ascii",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *, update_fields: Iterable[str] | None = None, **options: Any) -> None:
        """Save the folded name with the name."""
        if update_fields is not None and "name" in (names := set(update_fields)):
            update_fields = names | {"name_folded"}
        super().save(update_fields=update_fields, **options)


class ProductHistory(Change):
    """One change of a product. The rows with `units` are the ledger of its stock: their sum is the stock."""

    product_id = models.IntegerField()
    units = models.IntegerField(null=True)  # by which the stock changed
    stock = models.IntegerField(null=True)  # after a change of the stock

    objects = ProductHistoryQuerySet.as_manager()

    @property
    def reverted_values(self) -> dict[str, str | None]:
        """The old values of the fields that can be set back; none for a new or a deleted product."""
        if self.kind in ("created", "deleted"):
            return {}
        # Sales have followed a change of the stock, and the files of a former image are deleted.
        return {each["field"]: each["old"] for each in self.fields if each["field"] not in ("stock", "image")}

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["product_id", "id"], name="catalog_producthistory_of"),
            index_of_requests("catalog_producthistory_request"),
        ]


class PriceChange(models.Model):
    """One change of the prices of all products of a filter.

    The old and new prices are in the history: in the rows with this `reason` and `after` < id <= `last`.
    """

    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    percent = models.DecimalField(max_digits=7, decimal_places=2)
    after = models.BigIntegerField()
    last = models.BigIntegerField(null=True)  # null until it is applied
    matched = models.IntegerField()  # products of the filter
    changed = models.IntegerField(default=0)
    unchanged = models.IntegerField(default=0)  # the new price is the old one, rounded
    refused = models.IntegerField(default=0)
    stale = models.IntegerField(default=0)  # changed after the preview
    applied_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)
    restored = models.IntegerField(null=True)  # null until it is undone
    left_ids = models.JSONField(default=list)  # the first products whose price the undo did not restore
    busy_until = models.DateTimeField(null=True)  # lease of the process that applies or undoes it

    objects = PriceChangeQuerySet.as_manager()

    def __str__(self) -> str:
        return self.reason

    @property
    def reason(self) -> str:
        return f"Prices {percent_text(self.percent)} % [{self.pk}]"
