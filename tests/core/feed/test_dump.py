"""The feed's positions survive a dump and its restoring: a cursor from before is good afterwards."""

import sqlite3
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db.models import F

from catalog.models import Product
from core import triggers
from core.feed.events import events_after, newest_seq, number_committed, position_now
from core.models import Event
from tests.support.factories import make_product
from tests.support.live import fresh_database, using

pytestmark = pytest.mark.live


def copied(source: str, target: str) -> None:
    """Dump a database as its owner would, and restore it into an empty one."""
    if source.startswith("sqlite"):
        before, after = sqlite3.connect(urlsplit(source).path), sqlite3.connect(urlsplit(target).path)
        after.executescript("\n".join(before.iterdump()))
        return
    dump = subprocess.run(["pg_dump", source], capture_output=True, check=True, timeout=60).stdout
    command = ["psql", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction", target]
    subprocess.run(command, input=dump, check=True, capture_output=True, timeout=60)


def change(product: Product, times: int) -> None:
    for _ in range(times):
        Product.objects.filter(pk=product.pk).update(stock=F("stock") + 1)


def told(after: int) -> list[Event]:
    number_committed()
    return events_after(after)


@pytest.mark.usefixtures("requires_pg_dump")
def test_cursor_from_before_a_dump_goes_on_after_it(tmp_path: Path, migrated_template: str, django_db_blocker: Any):
    for name in ("source", "target"):
        (tmp_path / name).mkdir()
    with (
        django_db_blocker.unblock(),
        fresh_database(tmp_path / "source", migrated_template) as source,
        fresh_database(tmp_path / "target") as target,
    ):
        with using(source):
            product = make_product(stock=0)
            change(product, 3)
            position_now()
            change(product, 2)  # on PostgreSQL they have no position yet
            cursor, before = newest_seq() - 2, events_after(0)
        copied(source, target)
        with using(target):
            change(product, 1)
            after = told(0)
            found = [(event.seq, event.stock) for event in told(cursor)]
            is_whole = not triggers.missing()

    assert after[: len(before)] == before
    assert [event.seq for event in after] == list(range(1, 8))
    assert [stock for _, stock in found] == list(range(cursor, 7))
    assert is_whole
