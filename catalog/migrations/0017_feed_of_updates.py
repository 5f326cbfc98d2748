from django.db import migrations

from catalog.triggers import feed_updated
from core.triggers import RenewTrigger


class Migration(migrations.Migration):
    """Write the feed of an UPDATE once for all its rows, on PostgreSQL.

    The rows written stay the same. Writers of products wait for some milliseconds. The new trigger also works without
    this migration, so its reverse keeps it.
    """

    dependencies = [
        ("catalog", "0016_check_of_image"),
    ]

    operations = [RenewTrigger(feed_updated)]
