from django.db import migrations, models

from core.postgresql.operations import AddIndexConcurrently, DropIndexOfColumn


class Migration(migrations.Migration):
    """The index of moments and ids replaces that of moments."""

    atomic = False
    dependencies = [("ecommerce", "0011_import_progress")]

    operations = [
        AddIndexConcurrently("loggedrequest", models.Index(fields=["at", "id"], name="ecommerce_loggedrequest_began")),
        AddIndexConcurrently(
            "loggedrequest", models.Index(fields=["protocol", "id"], name="ecommerce_loggedrequest_by")
        ),
        migrations.SeparateDatabaseAndState(
            [DropIndexOfColumn("ecommerce_loggedrequest_at_a3e72d7b", "ecommerce_loggedrequest", "at")],
            [migrations.AlterField("loggedrequest", "at", models.DateTimeField())],
        ),
    ]
