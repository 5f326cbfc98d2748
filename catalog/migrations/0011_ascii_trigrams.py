from django.db import migrations

from core.postgresql.trigrams import AddTrigramIndex


class Migration(migrations.Migration):
    """Keep the index catalog_product_sku_trigrams, which the searches of earlier releases read."""

    atomic = False
    dependencies = [("catalog", "0010_history_of_requests")]

    operations = [
        AddTrigramIndex("catalog_product_sku_lower_trigrams", "catalog_product", 'lower(sku COLLATE "C")'),
    ]
