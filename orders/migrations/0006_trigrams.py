from django.db import migrations

from core.postgresql.trigrams import AddTrigramIndex


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("orders", "0005_row_count"), ("ecommerce", "0005_trigrams")]

    operations = [
        AddTrigramIndex("orders_order_number_trigrams", "orders_order", "shop_folded(number)"),
    ]
