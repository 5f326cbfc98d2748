from django.db import migrations

from core.postgresql.trigrams import RenameTrigramIndex


class Migration(migrations.Migration):
    """Rename the index on databases where an earlier version of migration 0009 gave it the old name."""

    dependencies = [("accounts", "0009_ascii_trigrams")]

    operations = [RenameTrigramIndex("accounts_user_email_trigrams", "accounts_user_email_lower_trigrams")]
