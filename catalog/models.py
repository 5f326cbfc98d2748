"""Products."""

from decimal import Decimal

from django.core.validators import MaxLengthValidator, MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Length, Lower
from django.utils import timezone

from catalog.querysets import ProductQuerySet
from ecommerce.moments import DatabaseNow
from ecommerce.validators import MAX_INT32, printable_ascii, storable_text

MAX_PRICE = Decimal("9999999999.99")
MIN_PRICE = Decimal("0.01")
MAX_DESCRIPTION_LENGTH = 20_000
SKU_CONSTRAINT = "catalog_product_sku_unique"

models.CharField.register_lookup(Length)


class Product(models.Model):
    name = models.CharField(max_length=200, validators=storable_text)
    description = models.TextField(
        blank=True,
        default="",
        db_default="",
        max_length=MAX_DESCRIPTION_LENGTH,  # what forms and serializers check; a model checks its validators alone
        validators=[MaxLengthValidator(MAX_DESCRIPTION_LENGTH), *storable_text],
    )
    price = models.DecimalField(max_digits=12, decimal_places=2, validators=[MinValueValidator(MIN_PRICE)])
    stock = models.IntegerField(
        default=0, db_default=0, validators=[MinValueValidator(0), MaxValueValidator(MAX_INT32)]
    )
    sku = models.CharField("SKU", max_length=64, null=True, blank=True, default=None, validators=[printable_ascii])
    version = models.IntegerField(default=1, db_default=1, editable=False)  # raised by a trigger, whoever writes
    created_at = models.DateTimeField(default=timezone.now, db_default=DatabaseNow(), editable=False)
    updated_at = models.DateTimeField(default=timezone.now, db_default=DatabaseNow(), editable=False)  # moved by it too

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["price", "id"], name="catalog_product_price"),
            models.Index(fields=["name", "id"], name="catalog_product_name"),
            models.Index(fields=["created_at", "id"], name="catalog_product_created"),
            models.Index(fields=["updated_at", "id"], name="catalog_product_updated"),
            models.Index(fields=["stock", "id"], name="catalog_product_stock"),
        ]
        constraints = [
            models.UniqueConstraint(Lower("sku"), name=SKU_CONSTRAINT, violation_error_message="SKU is already taken."),
            models.CheckConstraint(condition=~models.Q(name=""), name="catalog_product_name_not_empty"),
            models.CheckConstraint(condition=models.Q(name__length__lte=200), name="catalog_product_name_length"),
            # The upper bound also keeps out PostgreSQL's NaN and SQLite's texts, which are above every number.
            models.CheckConstraint(
                condition=models.Q(price__gt=0) & models.Q(price__lte=MAX_PRICE), name="catalog_product_price_range"
            ),
            models.CheckConstraint(
                condition=models.Q(stock__gte=0) & models.Q(stock__lte=MAX_INT32), name="catalog_product_stock_range"
            ),
            models.CheckConstraint(condition=~models.Q(sku=""), name="catalog_product_sku_not_empty"),
            models.CheckConstraint(condition=models.Q(sku__length__lte=64), name="catalog_product_sku_length"),
        ]

    def __str__(self) -> str:
        return self.name
