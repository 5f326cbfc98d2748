from django.db import migrations

from core.triggers import RenewTrigger
from orders.triggers import history


class Migration(migrations.Migration):
    """Write the history of orders at a lower cost on PostgreSQL; its rows stay the same. Writers of orders wait shortly.

    Without the migration, the new triggers work too, so its reverse keeps them.
    """

    dependencies = [
        ("orders", "0014_check_of_rows"),
    ]

    operations = [RenewTrigger(trigger) for trigger in history]
