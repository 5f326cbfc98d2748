from django.db import migrations

from catalog.triggers import feed_created, third_history
from core.triggers import RenewTrigger


class Migration(migrations.Migration):
    """Write the history and the feed of an INSERT once for all its rows, on PostgreSQL.

    The contents stay the same. Writers of products wait for some milliseconds. Without the migration, the present form
    of the triggers works too, so its reverse keeps it.
    """

    dependencies = [
        ('catalog', '0011_ascii_trigrams'),
    ]

    operations = [RenewTrigger(trigger) for trigger in (feed_created, *third_history)]
