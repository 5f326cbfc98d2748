from django.db import migrations

from core.triggers import RenewTrigger
from orders.triggers import history


class Migration(migrations.Migration):
    """Let the history of orders on PostgreSQL read an origin of each row, for orders that are placed together.

    The new triggers read the former setting too, so its reverse keeps them. Readers and writers of orders wait shortly.
    """

    dependencies = [
        ("orders", "0015_faster_history"),
    ]

    operations = [RenewTrigger(trigger) for trigger in history]
