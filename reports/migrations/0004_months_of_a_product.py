from django.db import migrations, models

from core.postgresql.operations import AddIndexConcurrently


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('reports', '0003_best_of_year'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='productsalesmonth',
            index=models.Index(fields=['product_id', 'month'], name='reports_productsalesmonth_of'),
        ),
    ]
