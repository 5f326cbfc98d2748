from django.db import migrations

from core.postgresql.checks import RenewCheck


class Migration(migrations.Migration):
    """Shorten the checks of products on PostgreSQL, which parses them for each statement. The rules stay the same."""

    dependencies = [
        ("catalog", "0017_feed_of_updates"),
    ]

    operations = [
        RenewCheck("product", "catalog_product_name_not_empty", "name <> ''"),
        RenewCheck("product", "catalog_product_name_length", ""),
        RenewCheck("product", "catalog_product_price_range", "price > 0.00 AND price <= 9999999999.99"),
        RenewCheck("product", "catalog_product_stock_range", "stock >= 0"),
        RenewCheck("product", "catalog_product_reorder_level_range", "reorder_level >= 0"),
        RenewCheck("product", "catalog_product_sku_not_empty", ""),
        RenewCheck("product", "catalog_product_sku_length", ""),
        RenewCheck("product", "catalog_product_sku_ascii", """(sku COLLATE "C") ~ '^[ -~]+$'"""),
        RenewCheck("product", "catalog_product_image_length", "image <> ''"),
    ]
