from django.db import migrations

from catalog.triggers import row_count
from core.triggers import AddTrigger


class Migration(migrations.Migration):
    dependencies = [("catalog", "0004_sku_ascii"), ("ecommerce", "0004_rowcount")]

    operations = [AddTrigger(trigger) for trigger in row_count]
