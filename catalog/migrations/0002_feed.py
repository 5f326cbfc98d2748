from django.db import migrations

from catalog.triggers import first_product_version, product_feed
from core.triggers import AddTrigger, RenewTrigger


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial"), ("ecommerce", "0002_changeevent")]

    operations = [RenewTrigger(first_product_version), *(AddTrigger(trigger) for trigger in product_feed)]
