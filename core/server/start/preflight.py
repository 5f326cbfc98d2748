"""Checks before the shop starts. Each reason why it can't run is one line for the operator."""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import Error, connection
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.migrations.executor import MigrationExecutor

from core import triggers

RECORD = "django_migrations"
OUR_APPS = frozenset(("ecommerce", *settings.SHOP_APPS))  # by label; `ecommerce` is that of `core`


class CannotRun(Exception):
    """The reason why the shop can't run, in one line."""


def prepare_database() -> None:
    """Migrate the database to this version of the shop. Raises CannotRun.

    If the database belongs to another program or to a newer version of the shop, it is left unchanged.
    """
    if connection.vendor == "sqlite":
        _check_file(Path(connection.settings_dict["NAME"]))
    try:
        executor = MigrationExecutor(connection)
        with connection.cursor() as cursor:
            tables = set(connection.introspection.table_names(cursor))
        _check_is_ours(executor, tables)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", verbosity=0, interactive=False)
        missing = triggers.missing()
    except Error as error:
        raise CannotRun(f"The database {_name()} does not work: {one_line(error)}") from error
    if missing:
        raise CannotRun(f"The database lacks {', '.join(missing)}: run `python manage.py installtriggers`.")


def _check_file(path: Path) -> None:
    """Raise CannotRun if the SQLite file can't be written or created, or belongs to another program."""
    if str(path) == ":memory:":
        raise CannotRun("The database must be a file: in memory, every thread would have a database of its own.")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
        if not path.exists():
            return
        path.open("r+b").close()
        # Not with Django's connection, which would switch the file to a write-ahead log.
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as reader:
            tables = {name for (name,) in reader.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except (OSError, sqlite3.Error) as error:
        raise CannotRun(f"The database {path} can't be used: {getattr(error, 'strerror', error)}.") from error
    if tables and RECORD not in tables:
        raise _foreign()


def _check_is_ours(executor: MigrationExecutor, tables: set[str]) -> None:
    applied, known = set(executor.loader.applied_migrations), set(executor.loader.disk_migrations)
    if newer := {name for name in applied - known if name[0] in OUR_APPS}:
        label, name = min(newer)
        raise CannotRun(f"The database {_name()} belongs to a newer version of the shop: it has {label}.{name}.")
    if applied - known or not _has_our_tables(tables, applied, known) or not _is_consistent(executor):
        raise _foreign()


def _foreign() -> CannotRun:
    return CannotRun(f"The database {_name()} holds the tables of another program: choose another one in DATABASE_URL.")


def _has_our_tables(tables: set[str], applied: set[tuple[str, str]], known: set[tuple[str, str]]) -> bool:
    if not applied:
        return tables <= {RECORD}
    complete = {label for label in OUR_APPS if {name for name in known if name[0] == label} <= applied}
    return {model._meta.db_table for label in complete for model in apps.get_app_config(label).get_models()} <= tables


def _is_consistent(executor: MigrationExecutor) -> bool:
    try:
        executor.loader.check_consistent_history(connection)
    except InconsistentMigrationHistory:  # the database was started with other apps
        return False
    return True


def _name() -> str:
    return str(connection.settings_dict["NAME"])


def one_line(error: Exception) -> str:
    return " ".join(str(error).split())
