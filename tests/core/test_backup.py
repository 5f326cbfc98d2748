"""Backups by the commands of docs/operation.md, restored and compared; counters that are wrong are counted again."""

import re
import subprocess
import sys
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection

from catalog.models import Product
from core.server.health import database_checks
from orders.models import Order
from tests.support.factories import make_order, make_product
from tests.support.live import ROOT, fresh_database, using

PAGE = (ROOT / "docs/operation.md").read_text()


def documented(first_words: str) -> str:
    """Return the command, or the block of commands, of the documentation that begins with these words."""
    (block,) = (block for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) if block.startswith(first_words))
    return block


def rows_of_all_tables() -> dict[str, list[str]]:
    """Return every row of every table of the shop, as text."""
    found = {}
    with connection.cursor() as cursor:
        tables = {model._meta.db_table for model in apps.get_models()} | {"ecommerce_rowcount"}
        for table in sorted(tables & set(connection.introspection.table_names())):
            cursor.execute(f'SELECT * FROM "{table}"')
            found[table] = sorted(map(str, cursor.fetchall()))
    return found


def run(script: str, folder: Path, **env: str) -> None:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    subprocess.run(["bash", "-euc", script], cwd=folder, env={"PATH": path, **env}, check=True, timeout=120)


@pytest.mark.live
@pytest.mark.usefixtures("requires_pg_dump")
def test_restored_backup_is_the_same_and_goes_on(tmp_path, migrated_template, django_db_blocker):
    for name in ("source", "target"):
        (tmp_path / name).mkdir()
    with (
        django_db_blocker.unblock(),
        fresh_database(tmp_path / "source", migrated_template) as source,
        fresh_database(tmp_path / "target") as target,
    ):
        with using(source):
            make_order()
            product = make_product(stock=3)
            before = rows_of_all_tables()
            if source.startswith("sqlite"):
                place = Path(urlsplit(source).path)
                run(documented("python - <<'END'\nimport sqlite3"), place.parent)
                Path(urlsplit(target).path).write_bytes((place.parent / "backup.sqlite3").read_bytes())
            else:
                run(documented("pg_dump"), tmp_path, DATABASE_URL=source)
                run(documented("pg_restore"), tmp_path, NEW_DATABASE_URL=target)
        with using(target):
            assert rows_of_all_tables() == before
            assert set(database_checks().values()) == {"ok"}
            Product.objects.filter(pk=product.pk).update(stock=2)
            make_product()
            assert Product.objects.get(pk=product.pk).version == product.version + 1
            assert Product.objects.count() == len(before["catalog_product"]) + 1


@pytest.mark.django_db
def test_wrong_counters_are_counted_again():
    make_product()
    make_order()
    rows, orders = len(Product.objects.values_list("pk")), len(Order.objects.values_list("pk"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ecommerce_rowcount SET rows = rows * 2 WHERE name = 'catalog_product'")
    assert Product.objects.count() == 2 * rows

    call_command("recount", stdout=(said := StringIO()))
    call_command("recount", stdout=(again := StringIO()))

    assert said.getvalue() == f"catalog_product: {rows} rows, not {2 * rows}.\n"
    assert again.getvalue() == "All counters are right.\n"
    assert (Product.objects.count(), Order.objects.count()) == (rows, orders)
