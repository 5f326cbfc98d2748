"""Store usernames in NFKC, and make them unique by casefold(NFKC(username))."""

import unicodedata
from collections import defaultdict
from typing import Any

import django.contrib.auth.validators
import django.core.validators
from django.core.management.base import CommandError
from django.db import migrations, models

import core.text.normalization
import core.validation.validators
from accounts.triggers import username_folding
from core.text.folding import folded
from core.text.search import Folded
from core.triggers import AddTrigger

ROWS_A_STATEMENT = 10_000  # per statement, because statements have a timeout
MAX_LENGTH = 80
MAX_SHOWN = 20


def check_names_differ(apps: Any, schema_editor: Any) -> None:
    """Raise CommandError with the users whose names become equal: a person must decide who keeps the name."""
    names_by_form = defaultdict(list)
    for pk, name in _users(apps, schema_editor).order_by("pk").values_list("pk", "username").iterator():
        names_by_form[folded(name)].append(f"{name!r} (id {pk})")
    same = [" and ".join(names) for names in names_by_form.values() if len(names) > 1]
    if same:
        raise CommandError(
            "Usernames are now compared without case and Unicode form, and these are the same: "
            f"{'; '.join(same[:MAX_SHOWN])}{f'; and {len(same) - MAX_SHOWN} more' if len(same) > MAX_SHOWN else ''}. "
            "Nothing was changed. Rename all but one of each (UPDATE accounts_user SET username = '...' "
            "WHERE id = ...), then migrate again."
        )


def fill(apps: Any, schema_editor: Any) -> None:
    """Write the names in NFKC, and their folded forms."""
    users = _users(apps, schema_editor)
    ids = []
    for pk, name in list(users.order_by("pk").values_list("pk", "username")):
        ids.append(pk)
        form = unicodedata.normalize("NFKC", name)
        if form != name and len(form) <= MAX_LENGTH:
            users.filter(pk=pk).update(username=form)
    for start in range(0, len(ids), ROWS_A_STATEMENT):
        chunk = ids[start : start + ROWS_A_STATEMENT]
        users.filter(pk__range=(chunk[0], chunk[-1])).update(username_folded=Folded("username"))


def _users(apps: Any, schema_editor: Any) -> Any:
    return apps.get_model("accounts", "User").objects.using(schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial"), ("ecommerce", "0003_folding")]

    operations = [
        migrations.RunPython(check_names_differ, migrations.RunPython.noop),
        migrations.AddField("user", "username_folded", models.TextField(null=True, default=None, editable=False)),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AlterField(
            "user", "username_folded", models.TextField(unique=True, null=True, default=None, editable=False)
        ),
        migrations.AlterField(
            "user",
            "username",
            core.text.normalization.NormalizedCharField(
                max_length=80,
                unique=True,
                validators=[
                    django.contrib.auth.validators.UnicodeUsernameValidator(),
                    django.core.validators.ProhibitNullCharactersValidator(),
                    core.validation.validators.ProhibitSurrogates(),
                ],
                error_messages={"unique": "A user with that username already exists."},
            ),
        ),
        migrations.AlterField(
            "user",
            "email",
            core.text.normalization.NormalizedEmailField(
                max_length=120,
                validators=[
                    django.core.validators.EmailValidator(),
                    django.core.validators.RegexValidator(
                        "\\A[\\x21-\\x7e]([\\x20-\\x7e]*[\\x21-\\x7e])?\\Z",
                        "Only printable ASCII characters are allowed.",
                    ),
                ],
            ),
        ),
        *(AddTrigger(trigger) for trigger in username_folding),
    ]
