"""Summaries of past days, and marks of the days whose orders changed since they were summarised.

The rows of orders are authoritative: `reports.sales` reads a day from them if it has no summary, or if one of its
orders has changed since. A summary is valid only for the time zone that its day begins and ends in.
"""

from django.db import models
from django.utils import timezone

AMOUNT_DIGITS = 20


class SalesDay(models.Model):
    """The number and revenue of the orders placed on one day: valid, cancelled and refunded."""

    day = models.DateField(primary_key=True)
    time_zone = models.CharField(max_length=64)
    orders = models.IntegerField()  # neither cancelled nor refunded
    revenue = models.DecimalField(max_digits=AMOUNT_DIGITS, decimal_places=2)
    cancelled_orders = models.IntegerField()
    cancelled = models.DecimalField(max_digits=AMOUNT_DIGITS, decimal_places=2)
    refunded_orders = models.IntegerField()
    refunded = models.DecimalField(max_digits=AMOUNT_DIGITS, decimal_places=2)

    class Meta:
        verbose_name = verbose_name_plural = "sales"

    def __str__(self) -> str:
        return self.day.isoformat()


class ProductSales(models.Model):
    """The units of one product in the orders of a summarised day, without those cancelled or refunded."""

    day = models.DateField()
    product_id = models.IntegerField()  # no constraint: a product may be deleted
    units = models.BigIntegerField()
    revenue = models.DecimalField(max_digits=AMOUNT_DIGITS, decimal_places=2)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["day", "product_id"], name="reports_productsales_once")]

    def __str__(self) -> str:
        return f"{self.day}: product {self.product_id}"


class ProductSalesMonth(models.Model):
    """The sums of ProductSales over the days of a month that are summarised."""

    month = models.DateField()  # its first day
    product_id = models.IntegerField()
    units = models.BigIntegerField()
    revenue = models.DecimalField(max_digits=AMOUNT_DIGITS, decimal_places=2)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["month", "product_id"], name="reports_productsalesmonth_once")]
        indexes = [
            models.Index(fields=["product_id", "month"], name="reports_productsalesmonth_of"),
            models.Index(fields=["month", "-revenue", "product_id"], name="reports_productsalesmonth_best"),
        ]

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}: product {self.product_id}"


class BestOfYear(models.Model):
    """One of the products with the highest revenue in the summarised days of a year.

    `days` and `total` are the number of these days and their revenue when the list was written. If the summaries have
    other values now, the list is outdated.
    """

    year = models.IntegerField()
    product_id = models.IntegerField()
    units = models.BigIntegerField()
    revenue = models.DecimalField(max_digits=AMOUNT_DIGITS, decimal_places=2)
    days = models.IntegerField()
    total = models.DecimalField(max_digits=AMOUNT_DIGITS, decimal_places=2)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["year", "product_id"], name="reports_bestofyear_once")]

    def __str__(self) -> str:
        return f"{self.year}: product {self.product_id}"


class ChangedSale(models.Model):
    """A mark: an order placed at `at` changed, perhaps after its day was summarised."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return self.at.isoformat()
