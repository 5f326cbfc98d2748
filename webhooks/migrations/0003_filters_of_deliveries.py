import django.utils.timezone
from django.db import migrations, models

from core.postgresql.operations import AddIndexConcurrently, DropIndexOfColumn


class Migration(migrations.Migration):
    """Replace the index on created_at by one on created_at and id."""

    atomic = False
    dependencies = [("webhooks", "0002_lists_of_staff")]

    operations = [
        AddIndexConcurrently("delivery", models.Index(fields=["created_at", "id"], name="webhooks_delivery_created")),
        AddIndexConcurrently("delivery", models.Index(fields=["topic", "kind", "id"], name="webhooks_delivery_type")),
        AddIndexConcurrently(
            "delivery",
            models.Index(fields=["id"], condition=models.Q(state="failed"), name="webhooks_delivery_given_up"),
        ),
        migrations.SeparateDatabaseAndState(
            [DropIndexOfColumn("webhooks_delivery_created_at_a0173b39", "webhooks_delivery", "created_at")],
            [migrations.AlterField("delivery", "created_at", models.DateTimeField(default=django.utils.timezone.now))],
        ),
    ]
