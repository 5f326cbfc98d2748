"""Orders, their lines, and the record of who did what to them."""

from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from catalog.models import MAX_PRICE, Product
from ecommerce.moments import DatabaseNow
from ecommerce.validators import MAX_INT32, storable_text
from orders.querysets import OrderItemQuerySet, OrderQuerySet

MAX_TOTAL = Decimal("9999999999999.99")


class Order(models.Model):
    class Status(models.TextChoices):
        PENDING = "pending"
        PAID = "paid"
        SHIPPED = "shipped"
        DELIVERED = "delivered"
        CANCELLED = "cancelled"
        REFUNDED = "refunded"

    number = models.CharField(max_length=32, unique=True, validators=storable_text)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="orders")
    status = models.CharField(max_length=16, choices=Status, default=Status.PENDING, db_default=Status.PENDING)
    total = models.DecimalField(max_digits=15, decimal_places=2)
    version = models.IntegerField(default=1, db_default=1, editable=False)  # raised by a trigger, whoever writes
    created_at = models.DateTimeField(default=timezone.now, db_default=DatabaseNow(), db_index=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["user", "-created_at", "-id"], name="orders_order_of_user")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=["pending", "paid", "shipped", "delivered", "cancelled", "refunded"]),
                name="orders_order_status_known",
            ),
            models.CheckConstraint(
                condition=models.Q(total__gt=0) & models.Q(total__lte=MAX_TOTAL), name="orders_order_total_range"
            ),
            models.CheckConstraint(condition=~models.Q(number=""), name="orders_order_number_not_empty"),
        ]

    def __str__(self) -> str:
        return self.number


class OrderItem(models.Model):
    """A line: sku, name and price are copied, so that an order stays as it was when the product changes or goes."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="items")
    product = models.ForeignKey(Product, models.SET_NULL, null=True, blank=True, related_name="order_items")
    sku = models.CharField(max_length=64, null=True, blank=True)
    name = models.CharField(max_length=200)
    unit_price = models.DecimalField(max_digits=12, decimal_places=2)
    quantity = models.IntegerField(validators=[MinValueValidator(1), MaxValueValidator(MAX_INT32)])
    line_total = models.DecimalField(max_digits=15, decimal_places=2)

    objects = OrderItemQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(quantity__gte=1) & models.Q(quantity__lte=MAX_INT32),
                name="orders_item_quantity_range",
            ),
            models.CheckConstraint(
                condition=models.Q(unit_price__gt=0) & models.Q(unit_price__lte=MAX_PRICE),
                name="orders_item_price_range",
            ),
            models.CheckConstraint(
                condition=models.Q(line_total__gt=0) & models.Q(line_total__lte=MAX_TOTAL),
                name="orders_item_total_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.name}"


class OrderEvent(models.Model):
    """One step in an order's life: who moved it where, and when. `actor` is null for what nobody signed in did."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="events")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    status = models.CharField(max_length=16, choices=Order.Status)
    note = models.CharField(max_length=200, blank=True, default="")
    at = models.DateTimeField(default=timezone.now, db_default=DatabaseNow())

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.status} at {self.at:%Y-%m-%d %H:%M}"


class ReturnedUnits(models.Model):
    """Units of a line that came back, and by which cancellation; whoever writes this has counted them to the stock.

    The order's total stays what was ordered. An order all of whose units came back is cancelled or refunded.
    """

    item = models.ForeignKey(OrderItem, models.CASCADE, related_name="returns")
    reference = models.CharField(max_length=32)
    units = models.IntegerField(validators=[MinValueValidator(1), MaxValueValidator(MAX_INT32)])
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "returned units"
        constraints = [
            models.UniqueConstraint(fields=["item", "reference"], name="orders_returnedunits_once"),
            models.CheckConstraint(condition=models.Q(units__gte=1), name="orders_returnedunits_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.reference}: {self.units}"


class RetailInvoice(models.Model):
    """The mark of an order that importretail wrote, and how many lines it wrote: a file cut short has fewer."""

    order = models.OneToOneField(Order, models.CASCADE, primary_key=True, related_name="retail_invoice")
    lines = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.lines} lines"


class RetailSupply(models.Model):
    """The mark of a product that importretail made, and what of its stock comes from there.

    `supplied - sold + returned` is in the product's stock. `name` and `price` are what the import gave it last, at the
    sale of `last_at`: where the product differs, staff changed it.
    """

    # No constraint, no cascade: a product may go, by hand in SQL too, and ids are never used twice.
    product = models.OneToOneField(
        Product, models.DO_NOTHING, primary_key=True, db_constraint=False, related_name="retail_supply"
    )
    supplied = models.BigIntegerField()
    sold = models.BigIntegerField()
    returned = models.BigIntegerField()
    name = models.CharField(max_length=200)
    price = models.DecimalField(max_digits=12, decimal_places=2)
    last_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "retail supplies"

    def __str__(self) -> str:
        return f"{self.supplied} supplied"
