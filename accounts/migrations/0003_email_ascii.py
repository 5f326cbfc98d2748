from typing import Any

from django.core.management.base import CommandError
from django.db import migrations, models

from core.text.ascii import AsciiLower

MAX_SHOWN = 20


def refuse_other_emails(apps: Any, schema_editor: Any) -> None:
    users = apps.get_model("accounts", "User").objects.using(schema_editor.connection.alias)
    others = users.filter(email__is_printable_ascii=False).order_by("pk")
    if ids := list(others.values_list("pk", flat=True)[:MAX_SHOWN]):
        raise CommandError(
            "An e-mail address has printable ASCII characters only. Nothing was changed. Give other addresses to these "
            f"users, then migrate again: {', '.join(map(str, ids))}."
        )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_username_folded")]

    operations = [
        migrations.RunPython(refuse_other_emails, migrations.RunPython.noop),
        migrations.RemoveConstraint("user", "accounts_user_email_unique"),
        migrations.AddConstraint(
            "user",
            models.UniqueConstraint(
                AsciiLower("email"),
                name="accounts_user_email_unique",
                violation_error_message="Email is already registered.",
            ),
        ),
        migrations.AddConstraint(
            "user",
            models.CheckConstraint(
                condition=models.Q(email__is_printable_ascii=True), name="accounts_user_email_ascii"
            ),
        ),
    ]
