from django.db import migrations

from orders.triggers import row_count
from core.triggers import AddTrigger


class Migration(migrations.Migration):
    dependencies = [("orders", "0004_former_product"), ("ecommerce", "0004_rowcount")]

    operations = [AddTrigger(trigger) for trigger in row_count]
