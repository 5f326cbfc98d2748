from django.db import migrations

from catalog.triggers import feed_created, third_history
from core.triggers import RenewTrigger


class Migration(migrations.Migration):
    """Write the history and the feed of an INSERT once for all its rows, on PostgreSQL.

    The rows written stay the same. Writers of products wait for some milliseconds. The new triggers also work without
    this migration, so its reverse keeps them.
    """

    dependencies = [
        ('catalog', '0011_ascii_trigrams'),
    ]

    operations = [RenewTrigger(trigger) for trigger in (feed_created, *third_history)]
