from django.db import migrations

from orders.triggers import order_feed, order_version
from core.triggers import AddTrigger, RenewTrigger


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_retail"), ("ecommerce", "0002_changeevent")]

    operations = [RenewTrigger(order_version), *(AddTrigger(trigger) for trigger in order_feed)]
