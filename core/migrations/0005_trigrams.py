from django.db import migrations

from core.postgresql.trigrams import CreateTrigrams


class Migration(migrations.Migration):
    dependencies = [("ecommerce", "0004_rowcount")]

    operations = [CreateTrigrams()]
