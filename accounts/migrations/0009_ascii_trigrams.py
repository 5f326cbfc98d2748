from django.db import migrations

from core.postgresql.trigrams import AddTrigramIndex


class Migration(migrations.Migration):
    """Keep the index accounts_user_email_trigrams, which the searches of earlier releases read."""

    atomic = False
    dependencies = [("accounts", "0008_sign_ins")]

    operations = [
        AddTrigramIndex("accounts_user_email_lower_trigrams", "accounts_user", 'lower(email COLLATE "C")'),
    ]
