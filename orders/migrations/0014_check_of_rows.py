from django.db import migrations

from core.postgresql.operations import ValidateCheck


class Migration(migrations.Migration):
    """Check the rows of migration 0013, without a lock."""

    dependencies = [
        ("orders", "0013_shorter_checks"),
    ]

    operations = [
        ValidateCheck("order", "orders_order_status_known"),
        ValidateCheck("order", "orders_order_total_range"),
        ValidateCheck("order", "orders_order_number_not_empty"),
        ValidateCheck("order", "orders_order_carrier_not_empty"),
        ValidateCheck("order", "orders_order_tracking_not_empty"),
        ValidateCheck("orderitem", "orders_item_quantity_range"),
        ValidateCheck("orderitem", "orders_item_price_range"),
        ValidateCheck("orderitem", "orders_item_total_range"),
    ]
