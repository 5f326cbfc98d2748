from django.db import migrations, models

ROLES = ("orders", "catalogue", "read only")


def add_roles(apps, schema_editor):
    for name in ROLES:
        apps.get_model("auth", "Group").objects.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_sort_indexes"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [
        migrations.RunPython(add_roles, migrations.RunPython.noop),
        migrations.AlterField(
            "user", "is_staff", models.BooleanField("staff", default=False, help_text="May use the admin.")
        ),
    ]
