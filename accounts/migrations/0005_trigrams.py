from django.db import migrations

from core.text.trigrams import AddTrigramIndex


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_row_count"), ("ecommerce", "0005_trigrams")]

    operations = [
        AddTrigramIndex("accounts_user_username_trigrams", "accounts_user", "shop_folded(username)"),
        AddTrigramIndex("accounts_user_email_trigrams", "accounts_user", "shop_folded(email)"),
    ]
