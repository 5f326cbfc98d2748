"""Statements that psycopg has prepared run without psycopg's own `execute`, and give the same rows."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DataError, connection
from psycopg import Cursor

from core.postgresql.base import PREPARE_AFTER

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("requires_postgresql")]
VALUES = "SELECT %s::int8, %s::numeric, %s::text, '{\"a\": 1}'::jsonb, '2026-05-06 07:08:09+02'::timestamptz, '50%%'"


@pytest.fixture(autouse=True)
def new_connection() -> Iterator[None]:
    connection.close()
    yield
    connection.close()


def prepare(sql: str, params: Any) -> list[tuple[Any, ...]]:
    """Run a statement until it is prepared; return the rows of the first run."""
    rows: list[tuple[Any, ...]] = connection.rows_of(sql, params)
    for _ in range(PREPARE_AFTER):
        connection.rows_of(sql, params)
    return rows


@pytest.fixture
def without_execute(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("psycopg's own execute was called")

    monkeypatch.setattr(Cursor, "execute", refuse)


@pytest.mark.parametrize("text", ["ö", "", None])
def test_prepared_statement_gives_the_same_rows(text: str | None, request: pytest.FixtureRequest) -> None:
    params = [7, "1.50", text]
    first = prepare(VALUES, params)

    request.getfixturevalue("without_execute")
    rows = connection.rows_of(VALUES, params)

    assert rows == first
    assert list(map(type, rows[0])) == list(map(type, first[0]))
    assert rows[0][-1] == "50%"


def test_parameters_by_name_are_bound_by_name(request: pytest.FixtureRequest) -> None:
    sql = "SELECT %(b)s::int8, %(a)s::int8, %(b)s::int8"
    prepare(sql, {"a": 1, "b": 2})

    request.getfixturevalue("without_execute")

    assert connection.rows_of(sql, {"a": 3, "b": 4}) == [(4, 3, 4)]


def test_number_of_another_size_is_not_cut() -> None:
    prepare("SELECT %s + 0", [1])

    assert connection.rows_of("SELECT %s + 0", [2**40]) == [(2**40,)]


def test_error_of_a_prepared_statement_leaves_the_connection_usable(request: pytest.FixtureRequest) -> None:
    prepare("SELECT 1 / %s", [1])
    request.getfixturevalue("without_execute")

    with pytest.raises(DataError, match="division by zero"):
        connection.rows_of("SELECT 1 / %s", [0])

    assert connection.rows_of("SELECT 1 / %s", [1]) == [(1,)]


def test_statement_without_rows_returns_none() -> None:
    prepare("SET application_name = 'a'", [])

    assert connection.rows_of("SET application_name = 'a'", []) == []


def test_statement_without_autocommit_is_part_of_a_transaction() -> None:
    prepare("SELECT %s::int8", [1])
    connection.set_autocommit(False)
    try:
        connection.rows_of("SELECT %s::int8", [1])
        first, second = (connection.rows_of("SELECT now(), %s::int8", [1]) for _ in range(2))
        assert first == second
    finally:
        connection.rollback()
        connection.set_autocommit(True)


def test_least_recently_used_statement_is_forgotten_first() -> None:
    prepare("SELECT %s::int8", [1])
    prepare("SELECT %s::int4", [1])
    connection.rows_of("SELECT %s::int8", [1])
    connection.connection._prepared.prepared_max = 2

    prepare("SELECT %s::text", ["a"])
    connection.rows_of("SELECT 1", [])  # psycopg forgets a statement when it sees a new one
    kept = connection.rows_of("SELECT statement FROM pg_prepared_statements ORDER BY 1", [])

    assert kept == [("SELECT $1::int8",), ("SELECT $1::text",)]
