from django.db import migrations

from catalog.triggers import product_feed, product_version
from ecommerce.triggers import AddTrigger, RenewTrigger


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial"), ("ecommerce", "0002_changeevent")]

    operations = [RenewTrigger(product_version), *(AddTrigger(trigger) for trigger in product_feed)]
