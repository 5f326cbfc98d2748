from django.db import migrations

from core.text.trigrams import AddTrigramIndex, RemoveTrigramIndex


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_sign_ins")]

    operations = [
        RemoveTrigramIndex("accounts_user_email_trigrams", "accounts_user", "shop_folded(email)"),
        AddTrigramIndex("accounts_user_email_trigrams", "accounts_user", 'lower(email COLLATE "C")'),
    ]
