from django.db import migrations

from core.postgresql.trigrams import AddTrigramIndex
from core.text.search import FoldedField


class Migration(migrations.Migration):
    """Keep the index accounts_user_username_trigrams, which the searches of earlier releases read."""

    atomic = False
    dependencies = [("accounts", "0010_rename_trigrams")]

    operations = [
        migrations.SeparateDatabaseAndState(  # the column stays: SQLite would write the table again, without triggers
            state_operations=[migrations.AlterField("user", "username_folded", FoldedField("username", unique=True))]
        ),
        AddTrigramIndex("accounts_user_username_folded_trigrams", "accounts_user", "username_folded"),
    ]
