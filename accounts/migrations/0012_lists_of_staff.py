from django.db import migrations, models

from core.postgresql.operations import AddIndexConcurrently


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0011_folded_trigrams")]

    operations = [
        AddIndexConcurrently(
            "user", models.Index(fields=["id"], condition=models.Q(is_staff=True), name="accounts_user_staff")
        ),
        AddIndexConcurrently(
            "user", models.Index(fields=["id"], condition=models.Q(is_superuser=True), name="accounts_user_superuser")
        ),
        AddIndexConcurrently(
            "user", models.Index(fields=["id"], condition=models.Q(is_active=False), name="accounts_user_inactive")
        ),
    ]
