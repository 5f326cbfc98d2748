"""Checks have a shorter text on PostgreSQL, and the migration that shortens them goes back and forth."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.loader import MigrationLoader

from catalog.models import Product
from core.databases import is_postgresql, violated_constraint
from core.postgresql.checks import Check, RenewCheck
from core.postgresql.operations import ValidateCheck
from tests.support.factories import make_product

NAME = "catalog_product_stock_range"
CHECKS = (
    "SELECT conname, convalidated FROM pg_constraint WHERE contype = 'c' AND conrelid = 'catalog_product'::regclass"
)
TEXT = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s"


def text_of_check() -> str:
    """Return the check's text in PostgreSQL, or all checks of the table in SQLite."""
    with connection.cursor() as cursor:
        if is_postgresql():
            cursor.execute(TEXT, [NAME])
        else:
            cursor.execute("SELECT sql FROM sqlite_master WHERE name = 'catalog_product'")
        return str(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_check_is_renewed_and_restored_on_postgresql_only() -> None:
    renew, state = RenewCheck("product", NAME, "stock > -1"), MigrationLoader(connection).project_state()
    renewed, before = state.clone(), text_of_check()
    renew.state_forwards("catalog", renewed)
    with connection.schema_editor() as editor:
        renew.database_forwards("catalog", editor, state, renewed)
    between = text_of_check()
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        make_product(stock=-1)
    with connection.schema_editor() as editor:
        renew.database_backwards("catalog", editor, renewed, state)
        ValidateCheck("product", NAME).database_forwards("catalog", editor, state, state)

    assert between == ("CHECK ((stock > '-1'::integer)) NOT VALID" if is_postgresql() else before)
    assert NAME in violated_constraint(refused.value)
    assert text_of_check() == before


@pytest.mark.django_db
@pytest.mark.usefixtures("requires_postgresql")
def test_postgresql_has_every_check_with_a_text_and_has_checked_all_rows() -> None:
    with connection.cursor() as cursor:
        cursor.execute(CHECKS)
        present = dict(cursor.fetchall())

    wanted = {each.name for each in Product._meta.constraints if isinstance(each, Check) and each.postgresql}
    assert present == dict.fromkeys(wanted, True)


def test_checks_differ_if_their_texts_do() -> None:
    first, same, other = (
        Check(condition=Product._meta.constraints[1].condition, postgresql=text, name="x")  # type: ignore[attr-defined]
        for text in ("stock >= 0", "stock >= 0", "stock > -1")
    )

    assert first == same
    assert first != other
