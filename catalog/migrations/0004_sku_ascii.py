from typing import Any

from django.core.management.base import CommandError
from django.db import migrations, models

from core.text.ascii import AsciiLower


def refuse_other_skus(apps: Any, schema_editor: Any) -> None:
    rows = apps.get_model("catalog", "Product").objects.using(schema_editor.connection.alias)
    if ids := list(rows.filter(sku__is_printable_ascii=False).order_by("pk").values_list("pk", flat=True)[:20]):
        raise CommandError(
            "A SKU has printable ASCII characters only. Give other SKUs to these products, then migrate again: "
            f"{', '.join(map(str, ids))}."
        )


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_name_folded")]

    operations = [
        migrations.RunPython(refuse_other_skus, migrations.RunPython.noop),
        migrations.RemoveConstraint("product", "catalog_product_sku_unique"),
        migrations.AddConstraint(
            "product",
            models.UniqueConstraint(
                AsciiLower("sku"),
                name="catalog_product_sku_unique",
                violation_error_message="SKU is already taken.",
            ),
        ),
        migrations.AddConstraint(
            "product",
            models.CheckConstraint(
                condition=models.Q(sku__is_printable_ascii=True), name="catalog_product_sku_ascii"
            ),
        ),
    ]
