from django.db import migrations

from core.postgresql.trigrams import AddPairIndex


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0012_lists_of_staff"), ("ecommerce", "0014_pairs")]

    operations = [
        AddPairIndex(
            "accounts_user_pairs",
            "accounts_user",
            'shop_pairs(username_folded) || shop_pairs(lower(email COLLATE "C"))',
        ),
    ]
