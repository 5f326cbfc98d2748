from django.db import migrations

from core.postgresql.operations import ValidateCheck


class Migration(migrations.Migration):
    """Check the rows of migration 0018, without a lock."""

    dependencies = [
        ("catalog", "0018_shorter_checks"),
    ]

    operations = [
        ValidateCheck("product", "catalog_product_name_not_empty"),
        ValidateCheck("product", "catalog_product_price_range"),
        ValidateCheck("product", "catalog_product_stock_range"),
        ValidateCheck("product", "catalog_product_reorder_level_range"),
        ValidateCheck("product", "catalog_product_sku_ascii"),
        ValidateCheck("product", "catalog_product_image_length"),
    ]
