import django.db.models.deletion
from django.db import migrations, models

from core.triggers import AddTrigger, DropTrigger
from orders.triggers import first_forget_product, forget_product


class Migration(migrations.Migration):
    dependencies = [("orders", "0003_feed")]

    operations = [
        migrations.AddField("orderitem", "former_product_id", models.IntegerField(editable=False, null=True)),
        migrations.AlterField(
            "orderitem",
            "product",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="order_items",
                to="catalog.product",
            ),
        ),
        DropTrigger(first_forget_product),
        AddTrigger(forget_product),
    ]
