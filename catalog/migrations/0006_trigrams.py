from django.db import migrations

from core.postgresql.trigrams import AddTrigramIndex


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("catalog", "0005_row_count"), ("ecommerce", "0005_trigrams")]

    operations = [
        AddTrigramIndex("catalog_product_name_trigrams", "catalog_product", "name_folded"),
    ]
