from django.db import migrations

from core.postgresql.checks import RenewCheck

STATUS = "status = ANY ('{pending,paid,shipped,delivered,cancelled,refunded}')"


class Migration(migrations.Migration):
    """Shorten the checks of orders on PostgreSQL, which parses them for each statement. The rules stay the same."""

    dependencies = [
        ("orders", "0012_concurrent_indexes"),
    ]

    operations = [
        RenewCheck("order", "orders_order_status_known", STATUS),
        RenewCheck("order", "orders_order_total_range", "total > 0.00 AND total <= 9999999999999.99"),
        RenewCheck("order", "orders_order_number_not_empty", "number <> ''"),
        RenewCheck("order", "orders_order_carrier_not_empty", "carrier <> ''"),
        RenewCheck("order", "orders_order_tracking_not_empty", "tracking_number <> ''"),
        RenewCheck("orderitem", "orders_item_quantity_range", "quantity >= 1"),
        RenewCheck("orderitem", "orders_item_price_range", "unit_price > 0.00 AND unit_price <= 9999999999.99"),
        RenewCheck("orderitem", "orders_item_total_range", "line_total > 0.00 AND line_total <= 9999999999999.99"),
    ]
