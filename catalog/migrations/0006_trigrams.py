from django.db import migrations

from core.text.trigrams import AddTrigramIndex


class Migration(migrations.Migration):
    dependencies = [("catalog", "0005_row_count"), ("ecommerce", "0005_trigrams")]

    operations = [
        AddTrigramIndex("catalog_product_name_trigrams", "catalog_product", "name_folded"),
        AddTrigramIndex("catalog_product_sku_trigrams", "catalog_product", "shop_folded(sku)"),
    ]
