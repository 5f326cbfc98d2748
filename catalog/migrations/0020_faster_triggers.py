from django.db import migrations

from catalog.triggers import feed_renumbered, history, product_folded, product_version
from core.triggers import RenewTrigger


class Migration(migrations.Migration):
    """Make the triggers of products cheaper on PostgreSQL; the rows that they write stay the same.

    One trigger runs before an update, not two. The event of an id that changes is written by a trigger of that column.
    The history costs less for each row. Writers of products wait for some milliseconds. The new triggers also work
    without this migration, so its reverse keeps them.
    """

    dependencies = [
        ("catalog", "0019_check_of_rows"),
    ]

    operations = [
        RenewTrigger(trigger) for trigger in (product_version, product_folded, feed_renumbered, *history)
    ]
