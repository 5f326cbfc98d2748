from django.db import migrations, models

from core.postgresql.operations import AddIndexConcurrently, ValidateCheck


class Migration(migrations.Migration):
    """Build the indexes of migrations 0007 and 0008, and check the rows, without locks. Keep the indexes that exist."""

    atomic = False

    dependencies = [
        ('orders', '0011_triggers_of_inserts'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='order',
            index=models.Index(fields=['created_at', 'id'], name='orders_order_created'),
        ),
        AddIndexConcurrently(
            model_name='order',
            index=models.Index(fields=['total', 'id'], name='orders_order_total'),
        ),
        AddIndexConcurrently(
            model_name='order',
            index=models.Index(fields=['status', 'created_at', 'id'], name='orders_order_status'),
        ),
        ValidateCheck("order", "orders_order_carrier_not_empty"),
        ValidateCheck("order", "orders_order_tracking_not_empty"),
    ]
