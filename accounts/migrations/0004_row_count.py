from django.db import migrations

from accounts.triggers import row_count
from core.triggers import AddTrigger


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_email_ascii"), ("ecommerce", "0004_rowcount")]

    operations = [AddTrigger(trigger) for trigger in row_count]
