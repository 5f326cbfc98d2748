from django.db import migrations

from core.postgresql.trigrams import RenameTrigramIndex


class Migration(migrations.Migration):
    """An earlier form of migration 0009 used the name of the index that it replaced."""

    dependencies = [("accounts", "0009_ascii_trigrams")]

    operations = [RenameTrigramIndex("accounts_user_email_trigrams", "accounts_user_email_lower_trigrams")]
