from django.db import migrations, models

from core.postgresql.operations import AddIndexConcurrently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('reports', '0004_months_of_a_product'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='productsalesmonth',
            index=models.Index(fields=['month', '-revenue', 'product_id'], name='reports_productsalesmonth_best'),
        ),
    ]
