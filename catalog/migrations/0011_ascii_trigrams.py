from django.db import migrations

from core.text.trigrams import AddTrigramIndex, RemoveTrigramIndex


class Migration(migrations.Migration):
    dependencies = [("catalog", "0010_history_of_requests")]

    operations = [
        RemoveTrigramIndex("catalog_product_sku_trigrams", "catalog_product", "shop_folded(sku)"),
        AddTrigramIndex("catalog_product_sku_trigrams", "catalog_product", 'lower(sku COLLATE "C")'),
    ]
