from django.db import migrations

from core.postgresql.trigrams import AddTrigramIndex


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0004_row_count"), ("ecommerce", "0005_trigrams")]

    operations = [
        AddTrigramIndex("accounts_user_username_trigrams", "accounts_user", "shop_folded(username)"),
    ]
