from django.db import migrations, models

from core.postgresql.operations import AddIndexConcurrently, ValidateCheck
from core.postgresql.trigrams import RenameTrigramIndex


class Migration(migrations.Migration):
    """Build the indexes of migrations 0008 and 0009, and check the rows, without locks. Keep the indexes that exist."""

    atomic = False

    dependencies = [
        ('catalog', '0012_triggers_of_inserts'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='product',
            index=models.Index(condition=models.Q(('stock__lte', models.F('reorder_level'))), fields=['stock', 'id'], name='catalog_product_low_stock'),
        ),
        AddIndexConcurrently(
            model_name='product',
            index=models.Index(fields=['category', 'created_at', 'id'], name='catalog_product_category'),
        ),
        ValidateCheck("product", "catalog_product_reorder_level_range"),
        # An earlier version of migration 0011 gave the index the old name.
        RenameTrigramIndex("catalog_product_sku_trigrams", "catalog_product_sku_lower_trigrams"),
    ]
