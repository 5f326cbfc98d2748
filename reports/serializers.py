"""The serializers of reports."""

from typing import Any

from rest_framework import serializers

from core.serializers import MoneyField, ShopSerializer, TextField, WholeNumberField

MONEY: dict[str, Any] = {"max_digits": 15, "decimal_places": 2, "read_only": True}
VALID = "Orders that were neither cancelled nor refunded."


class PeriodSalesSerializer(ShopSerializer):
    """The figures of the orders that were placed in a period."""

    created_from = serializers.DateField(source="period.first", read_only=True, help_text="The first day.")
    created_to = serializers.DateField(source="period.last", read_only=True, help_text="The last day, included.")
    order_count = WholeNumberField(source="total.orders", read_only=True, help_text=VALID)
    revenue = MoneyField(source="total.revenue", **MONEY)
    average_order = MoneyField(**MONEY, allow_null=True, help_text="Null if there is no order.")
    cancelled_count = WholeNumberField(source="total.cancelled_orders", read_only=True)
    cancelled_total = MoneyField(source="total.cancelled", **MONEY)
    refunded_count = WholeNumberField(source="total.refunded_orders", read_only=True)
    refunded_total = MoneyField(source="total.refunded", **MONEY)


class DaySalesSerializer(ShopSerializer):
    """The figures of the orders that were placed on a day."""

    day = serializers.DateField(read_only=True)
    order_count = WholeNumberField(source="figures.orders", read_only=True, help_text=VALID)
    revenue = MoneyField(source="figures.revenue", **MONEY)


class BestSellerSerializer(ShopSerializer):
    """A product, with its sales in the period."""

    product_id = WholeNumberField(source="sold.product_id", read_only=True)
    name = TextField(read_only=True, help_text="Of a deleted product: the name in its last order.")
    is_deleted = serializers.BooleanField(read_only=True)
    units = WholeNumberField(source="sold.units", read_only=True)
    revenue = MoneyField(source="sold.revenue", **MONEY)


class SalesReportSerializer(ShopSerializer):
    """The sales of a period, and those of the period before."""

    time_zone = TextField(read_only=True, help_text="The time zone of the shop, in which its days begin.")
    sales = PeriodSalesSerializer(read_only=True)
    before = PeriodSalesSerializer(
        read_only=True, help_text="The same days of the month before, or as many days just before."
    )
    days = DaySalesSerializer(source="sales.by_day", many=True, read_only=True, help_text="Each day of the period.")
    best_sellers = BestSellerSerializer(many=True, read_only=True, help_text="The 10 products of the highest revenue.")
