from typing import Any

from django.db import migrations

from catalog.triggers import first_product_version, product_feed, product_folded, product_version
from core.text.search import Folded, FoldedField
from core.triggers import AddTrigger, DropTrigger

ROWS_A_STATEMENT = 10_000  # per statement, because statements have a timeout
# Filling the folded name does not change a product: it must not raise the version or add feed events.
ON_UPDATE = [trigger for trigger in product_feed if trigger.postgresql[0].startswith("AFTER UPDATE")]


def fold_names(apps: Any, schema_editor: Any) -> None:
    rows = apps.get_model("catalog", "Product").objects.using(schema_editor.connection.alias)
    ids = list(rows.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), ROWS_A_STATEMENT):
        chunk = ids[start : start + ROWS_A_STATEMENT]
        rows.filter(pk__range=(chunk[0], chunk[-1])).update(name_folded=Folded("name"))


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_feed"), ("ecommerce", "0003_folding")]

    operations = [
        migrations.AddField("product", "name_folded", FoldedField("name")),
        *(DropTrigger(trigger) for trigger in [first_product_version, *ON_UPDATE]),
        migrations.RunPython(fold_names, migrations.RunPython.noop),
        *(AddTrigger(trigger) for trigger in [product_version, product_folded, *ON_UPDATE]),
    ]
