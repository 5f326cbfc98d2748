from django.db import migrations

from catalog.triggers import product_feed
from ecommerce.triggers import AddTrigger


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial"), ("ecommerce", "0002_changeevent")]

    operations = [AddTrigger(trigger) for trigger in product_feed]
