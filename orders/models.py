"""Orders, their lines, and the record of their status changes."""

from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone

from catalog.models import MAX_PRICE, Product
from core.history.changes import Change, index_of_requests
from core.moments import DatabaseNow
from core.postgresql.checks import Check
from core.validation.validators import MAX_INT32, storable_text
from orders.querysets import OrderHistoryQuerySet, OrderItemQuerySet, OrderQuerySet

MAX_TOTAL = Decimal("9999999999999.99")


class OrderStatus(models.TextChoices):
    PENDING = "pending"
    PAID = "paid"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


NO_SALE = (OrderStatus.CANCELLED, OrderStatus.REFUNDED)  # orders in these statuses do not count as sales


class Order(models.Model):
    Status = OrderStatus

    number = models.CharField(max_length=32, unique=True, validators=storable_text)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="orders",
        db_index=False,  # the index orders_order_of_user begins with it
    )
    status = models.CharField(
        max_length=16, choices=OrderStatus, default=OrderStatus.PENDING, db_default=OrderStatus.PENDING
    )
    total = models.DecimalField(max_digits=15, decimal_places=2)
    version = models.IntegerField(default=1, db_default=1, editable=False)  # a trigger raises it, for SQL writes too
    created_at = models.DateTimeField(default=timezone.now, db_default=DatabaseNow())
    carrier = models.CharField(max_length=60, null=True, blank=True, default=None, validators=storable_text)
    tracking_number = models.CharField(max_length=100, null=True, blank=True, default=None, validators=storable_text)

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="orders_order_of_user"),
            models.Index(fields=["created_at", "id"], name="orders_order_created"),
            models.Index(fields=["total", "id"], name="orders_order_total"),
            models.Index(fields=["status", "created_at", "id"], name="orders_order_status"),
        ]
        constraints = [
            Check(
                condition=models.Q(status__in=OrderStatus.values),
                postgresql=f"status = ANY ('{{{','.join(OrderStatus.values)}}}')",
                name="orders_order_status_known",
            ),
            Check(
                condition=models.Q(total__gt=0) & models.Q(total__lte=MAX_TOTAL),
                postgresql=f"total > 0.00 AND total <= {MAX_TOTAL}",  # the upper bound also excludes NaN
                name="orders_order_total_range",
            ),
            Check(condition=~models.Q(number=""), postgresql="number <> ''", name="orders_order_number_not_empty"),
            Check(condition=~models.Q(carrier=""), postgresql="carrier <> ''", name="orders_order_carrier_not_empty"),
            Check(
                condition=~models.Q(tracking_number=""),
                postgresql="tracking_number <> ''",
                name="orders_order_tracking_not_empty",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class OrderItem(models.Model):
    """A line of an order. It copies sku, name and price, so that changes of the product do not alter old orders."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="items")
    # If the product is deleted, by manual SQL too, a trigger sets this to null and keeps the id in the next column.
    product = models.ForeignKey(Product, models.DO_NOTHING, null=True, blank=True, related_name="order_items")
    former_product_id = models.IntegerField(null=True, editable=False)
    sku = models.CharField(max_length=64, null=True, blank=True)
    name = models.CharField(max_length=200)
    unit_price = models.DecimalField(max_digits=12, decimal_places=2)
    quantity = models.IntegerField(validators=[MinValueValidator(1), MaxValueValidator(MAX_INT32)])
    line_total = models.DecimalField(max_digits=15, decimal_places=2)

    objects = OrderItemQuerySet.as_manager()
    computed = {"ordered_product_id": Coalesce("product_id", "former_product_id")}  # for compiled reads

    class Meta:
        ordering = ["id"]
        constraints = [
            Check(
                condition=models.Q(quantity__gte=1) & models.Q(quantity__lte=MAX_INT32),
                postgresql="quantity >= 1",
                name="orders_item_quantity_range",
            ),
            Check(
                condition=models.Q(unit_price__gt=0) & models.Q(unit_price__lte=MAX_PRICE),
                postgresql=f"unit_price > 0.00 AND unit_price <= {MAX_PRICE}",
                name="orders_item_price_range",
            ),
            Check(
                condition=models.Q(line_total__gt=0) & models.Q(line_total__lte=MAX_TOTAL),
                postgresql=f"line_total > 0.00 AND line_total <= {MAX_TOTAL}",
                name="orders_item_total_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.name}"

    @property
    def ordered_product_id(self) -> int | None:
        """The id of the ordered product, even after the product is deleted."""
        return self.former_product_id if self.product_id is None else self.product_id


class OrderEvent(models.Model):
    """One status change of an order. `actor` is null if no user was signed in, or if the user was deleted since."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="events")
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    status = models.CharField(max_length=16, choices=Order.Status)
    note = models.CharField(max_length=200, blank=True, default="")
    at = models.DateTimeField(default=timezone.now, db_default=DatabaseNow())

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.status} at {self.at:%Y-%m-%d %H:%M}"


class OrderHistory(Change):
    """One change of an order. The timeline, `OrderEvent`, has the moves alone."""

    order_id = models.IntegerField()

    objects = OrderHistoryQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["order_id", "id"], name="orders_orderhistory_of"),
            index_of_requests("orders_orderhistory_request"),
        ]


class ReturnedUnits(models.Model):
    """Units of a line that a cancellation returned. Code that writes such a row also adds the units to the stock.

    The total of the order does not change. An order is cancelled or refunded if all its units were returned.
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
    """Marks an order that importretail wrote, with the number of lines it wrote: fewer if the file was cut short."""

    order = models.OneToOneField(Order, models.CASCADE, primary_key=True, related_name="retail_invoice")
    lines = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.lines} lines"


class RetailSupply(models.Model):
    """Marks a product that importretail created, with the part of its stock that comes from imports.

    That part is `supplied - sold + returned`. `name` and `price` are the last values that an import set, from the sale
    at `last_at`: if the product has other values, staff changed them.
    """

    # No constraint, no cascade: a product may be deleted, by manual SQL too, and ids are never reused.
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
