from django.db import migrations

from orders.triggers import order_feed
from ecommerce.triggers import AddTrigger


class Migration(migrations.Migration):
    dependencies = [("orders", "0002_retail"), ("ecommerce", "0002_changeevent")]

    operations = [AddTrigger(trigger) for trigger in order_feed]
