from django.db import migrations

from catalog.triggers import history
from core.triggers import RenewTrigger


class Migration(migrations.Migration):
    """Let the history of products on PostgreSQL read an origin of each row, for orders that are placed together.

    The new triggers read the former setting too, so its reverse keeps them. Readers and writers of products wait shortly.
    """

    dependencies = [
        ("catalog", "0020_faster_triggers"),
    ]

    operations = [RenewTrigger(trigger) for trigger in history]
