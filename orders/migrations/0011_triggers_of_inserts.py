from django.db import migrations

from core.triggers import RenewTrigger
from orders.triggers import history, order_feed


class Migration(migrations.Migration):
    """Write the history and the feed of an INSERT once for all its rows, on PostgreSQL. Writers of orders wait shortly.

    The contents stay the same. Without the migration, the present form of the triggers works too, so its reverse keeps
    it.
    """

    dependencies = [
        ('orders', '0010_history_of_requests'),
    ]

    operations = [RenewTrigger(trigger) for trigger in (order_feed[0], *history)]
