from django.db import migrations

from core.postgresql.operations import ValidateCheck


class Migration(migrations.Migration):
    """Check the rows of migration 0015, without a lock."""

    dependencies = [
        ('catalog', '0015_image'),
    ]

    operations = [ValidateCheck("product", "catalog_product_image_length")]
