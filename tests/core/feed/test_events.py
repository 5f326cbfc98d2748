"""Places in the feed: given once, without a hole, in the order in which clients may know them; and how they expire."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from catalog.models import Product
from core.errors import CursorExpired, InvalidInput
from core.feed import events as feed
from core.feed.events import check_cursor, cursor_value, events_after, newest_seq, number_committed, position_now
from core.models import ChangeEvent
from tests.support.factories import make_order, make_product
from tests.support.feed import by_hand
from tests.support.live import fresh_database
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db


@contextmanager
def another_connection() -> Iterator[psycopg.Connection]:
    """Yield a second connection to the test database, on PostgreSQL."""
    options = {**connection.get_connection_params(), "cursor_factory": psycopg.Cursor}
    with psycopg.connect(**options) as other:
        yield other


def make_events(count: int) -> int:
    """Add so many events that are numbered, and return the position before them."""
    before = position_now()
    product = make_product(stock=1)
    for stock in range(2, count + 1):
        Product.objects.filter(pk=product.pk).update(stock=stock)
    position_now()
    return before


def stocks_after(position: int) -> list[int | None]:
    return [event.stock for event in events_after(position)]


# -- Reading ----------------------------------------------------------------------------------------------------
def test_event_says_what_is_true_of_a_product() -> None:
    before = position_now()
    product = make_product(price=Decimal("19.90"), stock=3)
    started = timezone.now()
    position_now()

    (event,) = events_after(before)

    assert (event.topic, event.kind, event.object_id) == ("product", "created", product.pk)
    assert (event.price, event.stock, event.user_id, event.status) == (Decimal("19.90"), 3, None, None)
    assert (event.seq, event.cursor, event.key) == (before + 1, str(before + 1), ("product", product.pk))
    assert abs(event.at - started) < timedelta(seconds=5)


def test_price_that_sql_writes_short_has_two_places() -> None:
    before = position_now()
    product = make_product()
    by_hand("UPDATE catalog_product SET price = 5 WHERE id = %s", product.pk)
    position_now()

    assert [str(event.price) for event in events_after(before)] == ["9.99", "5.00"]


def test_event_says_whose_order_went_where() -> None:
    before = position_now()
    order = make_order()
    position_now()

    event = next(event for event in events_after(before) if event.topic == "order")

    assert (event.kind, event.object_id, event.user_id, event.status) == ("placed", order.pk, order.user_id, "pending")
    assert (event.price, event.stock) == (None, None)


def test_events_are_read_in_order_a_page_at_a_time(django_assert_num_queries: Any) -> None:
    before = make_events(5)

    with django_assert_num_queries(2):
        first = events_after(before, limit=3)
        rest = events_after(first[-1].seq, limit=3)

    assert [event.seq for event in first + rest] == [before + n for n in range(1, 6)]
    assert [event.stock for event in first + rest] == [1, 2, 3, 4, 5]
    assert events_after(rest[-1].seq) == []


def test_newest_place_is_the_last_events() -> None:
    before = make_events(3)

    assert newest_seq() == before + 3
    assert position_now() == before + 3


@pytest.mark.parametrize("cursor", ["", " ", "-1", "1.5", "abc", "٣", "²", "1" * 19, "1 ", "0x1", "1\x00", "null"])
def test_what_is_no_cursor_is_invalid_input(cursor: str) -> None:
    with pytest.raises(InvalidInput):
        cursor_value(cursor)


@pytest.mark.parametrize(("cursor", "position"), [("0", 0), ("17", 17), ("9" * 18, 10**18 - 1)])
def test_cursor_is_a_position(cursor: str, position: int) -> None:
    assert cursor_value(cursor) == position


def test_places_from_before_the_oldest_to_the_newest_are_good() -> None:
    before = make_events(3)

    assert [check_cursor(position) for position in range(before, before + 4)] == [None] * 4


@pytest.mark.parametrize("position", [1, 10**17])
def test_place_that_never_was_is_expired(position: int) -> None:
    newest = position_now()

    with pytest.raises(CursorExpired):
        check_cursor(newest + position)


def test_place_before_what_is_kept_is_expired() -> None:
    before = make_events(4)
    ChangeEvent.objects.filter(seq__lte=before + 2).delete()

    check_cursor(before + 2)
    with pytest.raises(CursorExpired):
        check_cursor(before + 1)


def test_page_that_would_begin_after_a_hole_is_expired() -> None:
    before = make_events(4)
    ChangeEvent.objects.filter(seq__lte=before + 2).delete()

    with pytest.raises(CursorExpired):
        events_after(before + 1)
    assert stocks_after(before + 2) == [3, 4]


def test_page_with_a_hole_in_it_is_expired() -> None:
    before = make_events(4)
    ChangeEvent.objects.filter(seq=before + 2).delete()

    with pytest.raises(CursorExpired):
        events_after(before)


# -- Numbering on PostgreSQL ------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("requires_postgresql")
def test_uncommitted_event_is_not_numbered_and_stands_in_nobodys_way() -> None:
    slow, quick = make_product(stock=1), make_product(stock=1)
    before = position_now()

    with another_connection() as other:
        other.execute("UPDATE catalog_product SET stock = 2 WHERE id = %s", [slow.pk])
        Product.objects.filter(pk=quick.pk).update(stock=2)
        assert position_now() == before + 1
        while_open = [(event.seq, event.object_id) for event in events_after(before)]
        other.commit()
    assert position_now() == before + 2

    assert while_open == [(before + 1, quick.pk)]
    assert [(event.seq, event.object_id) for event in events_after(before)] == [
        (before + 1, quick.pk),
        (before + 2, slow.pk),
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("requires_postgresql")
def test_rolled_back_event_takes_an_id_and_no_position() -> None:
    product = make_product(stock=1)
    before = position_now()

    for stock in (2, 3, 4):
        Product.objects.filter(pk=product.pk).update(stock=stock)
        with transaction.atomic():
            Product.objects.filter(pk=product.pk).update(stock=99)
            transaction.set_rollback(True)
    position_now()

    assert [(event.seq, event.stock) for event in events_after(before)] == [
        (before + 1, 2),
        (before + 2, 3),
        (before + 3, 4),
    ]
    ids = ChangeEvent.objects.filter(seq__gt=before).order_by("seq").values_list("id", flat=True)
    assert ids[2] - ids[0] == 4


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("requires_postgresql")
def test_nobody_numbers_while_another_does() -> None:
    make_product()

    with another_connection() as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [feed.SEQUENCER_LOCK])
        number_committed()
        unnumbered_meanwhile = ChangeEvent.objects.filter(seq=None).count()
        other.commit()
    number_committed()

    assert unnumbered_meanwhile == 1
    assert not ChangeEvent.objects.filter(seq=None).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("requires_postgresql")
def test_position_now_waits_for_who_numbers_already() -> None:
    before = position_now()
    make_product()

    with another_connection() as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [feed.SEQUENCER_LOCK])
        timer = threading.Timer(0.1, other.rollback)
        timer.start()
        position = position_now()
        timer.join()

    assert position == before + 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("requires_postgresql")
def test_eight_that_number_at_once_give_every_place_once() -> None:
    before = position_now()
    Product.objects.bulk_create([Product(name=f"P{n}", price=1) for n in range(4_500)])

    at_once(*[number_committed] * 8)
    position_now()

    positions = list(ChangeEvent.objects.filter(seq__gt=before).order_by("id").values_list("seq", flat=True))
    assert positions == list(range(before + 1, before + 4_501))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("requires_postgresql")
def test_what_is_numbered_costs_no_write(django_assert_num_queries: Any) -> None:
    make_product()
    position_now()

    with django_assert_num_queries(1):
        number_committed()


# -- What changed since the last look ---------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_watch_sees_every_commit_of_another_connection() -> None:
    make_product(stock=1)
    watch = feed.CommitWatch()
    watch.sees_something()

    for stock in range(2, 12):
        at_once(lambda stock=stock: Product.objects.update(stock=stock))
        assert watch.sees_something()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("requires_sqlite")
def test_watch_sees_nothing_where_nothing_was_committed() -> None:  # others may commit on the same PostgreSQL
    make_product(stock=1)
    watch = feed.CommitWatch()

    assert [watch.sees_something() for _ in range(3)] == [True, False, False]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("requires_postgresql")
def test_watch_sees_a_commit_while_an_older_transaction_is_open() -> None:
    first, second = make_product(), make_product()
    watch = feed.CommitWatch()

    with another_connection() as older, another_connection() as younger:
        older.execute("UPDATE catalog_product SET stock = 2 WHERE id = %s", [first.pk])
        younger.execute("UPDATE catalog_product SET stock = 2 WHERE id = %s", [second.pk])
        watch.sees_something()
        younger.commit()
        assert watch.sees_something()
        older.commit()
        assert watch.sees_something()


# -- Pruning ----------------------------------------------------------------------------------------------------
def age(positions: list[int], days: float) -> None:
    ChangeEvent.objects.filter(seq__in=positions).update(at=timezone.now() - timedelta(days=days))


def prune(*args: str) -> str:
    out = StringIO()
    call_command("prunefeed", *args, stdout=out)
    return out.getvalue()


def kept() -> list[int]:
    return list(ChangeEvent.objects.order_by("seq").values_list("seq", flat=True))


def test_old_events_go_and_their_cursors_are_expired(settings: Any) -> None:
    settings.FEED_DAYS = 7
    before = make_events(4)
    prune("--days", "0")
    ChangeEvent.objects.update(at=timezone.now() - timedelta(days=8))
    Product.objects.update(stock=5)
    Product.objects.update(stock=6)
    position_now()

    assert prune() == "Deleted 1 events.\n"

    assert kept() == [before + 5, before + 6]
    check_cursor(before + 4)
    with pytest.raises(CursorExpired):
        check_cursor(before + 3)


def test_newest_event_is_never_pruned_so_that_places_go_on() -> None:
    before = make_events(4)

    prune("--days", "0")

    assert kept() == [before + 4]
    Product.objects.update(stock=5)
    assert position_now() == before + 5
    assert stocks_after(before + 4) == [5]


def test_pruning_leaves_no_hole_when_clocks_disagree() -> None:
    before = make_events(5)
    prune_all_before = [before + 1, before + 2, before + 4]
    ChangeEvent.objects.filter(seq__lte=before).delete()
    age(prune_all_before, days=30)

    prune("--days", "7")

    assert kept() == [before + 3, before + 4, before + 5]


def test_pruning_goes_in_steps(monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any) -> None:
    before = make_events(7)
    ChangeEvent.objects.filter(seq__lte=before).delete()
    monkeypatch.setattr(feed, "PRUNED_AT_ONCE", 2)

    with django_assert_max_num_queries(12):
        said = prune("--days", "0")

    assert said == "Deleted 6 events.\n"
    assert kept() == [before + 7]


def test_pruning_an_empty_feed_does_nothing() -> None:
    by_hand("DELETE FROM ecommerce_changeevent")
    rows = ChangeEvent.objects.count()

    assert prune("--days", "0") == "Deleted 0 events.\n"

    assert ChangeEvent.objects.count() == rows


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("requires_postgresql")
def test_events_that_nobody_followed_are_numbered_and_pruned() -> None:
    make_product()
    Product.objects.update(stock=2)
    Product.objects.update(stock=3)
    ChangeEvent.objects.update(at=timezone.now() - timedelta(days=30))

    assert prune("--days", "7") == "Deleted 2 events.\n"

    assert [(event.stock, event.seq is not None) for event in ChangeEvent.objects.all()] == [(3, True)]


@pytest.mark.parametrize("days", ["-1", "nan", "inf", "1e9", "soon"])
def test_days_that_are_none_are_refused(days: str) -> None:
    make_events(3)
    rows = kept()

    with pytest.raises(CommandError, match="days"):
        prune("--days", days)

    assert kept() == rows


# -- By hand ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ecommerce_changeevent",
        "DELETE FROM ecommerce_changeevent WHERE topic = 'product'",
        "DELETE FROM ecommerce_changeevent WHERE seq = (SELECT max(seq) FROM ecommerce_changeevent)",
    ],
)
def test_newest_event_stays_when_it_is_deleted_by_hand_and_no_place_is_given_twice(statement: str) -> None:
    before = make_events(4)

    by_hand(statement)
    ChangeEvent.objects.all().delete()
    Product.objects.update(stock=5)
    position_now()

    assert kept() == [before + 4, before + 5]
    assert stocks_after(before + 4) == [5]


@pytest.mark.usefixtures("requires_sqlite")
@pytest.mark.django_db(transaction=True)
def test_places_go_on_after_a_dump_and_restore_on_sqlite(tmp_path: Path) -> None:
    before = make_events(3)
    ChangeEvent.objects.filter(seq__lte=before + 1).delete()
    source = sqlite3.connect(connection.settings_dict["NAME"])
    restored = sqlite3.connect(tmp_path / "restored.sqlite3", isolation_level=None)
    restored.executescript("\n".join(source.iterdump()))
    source.close()

    restored.execute("UPDATE catalog_product SET stock = 50")

    positions = restored.execute("SELECT seq, stock FROM ecommerce_changeevent ORDER BY seq").fetchall()
    assert positions == [(before + 2, 2), (before + 3, 3), (before + 4, 50)]
    restored.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("requires_postgresql")
def test_places_go_on_after_a_dump_and_restore_on_postgresql(tmp_path: Path, migrated_template: str) -> None:
    before = make_events(3)
    ChangeEvent.objects.filter(seq__lte=before + 1).delete()
    Product.objects.update(stock=40)  # dumped before it is numbered

    with (
        fresh_database(tmp_path, migrated_template) as url,
        another_connection() as source,
        psycopg.connect(url.replace("postgres://", "postgresql://"), autocommit=True) as restored,
    ):
        for table in ("catalog_product", "ecommerce_changeevent"):
            copy_as_a_dump_does(table, source, restored)
        restored.execute("UPDATE catalog_product SET stock = 50")
        restored.execute(feed._NUMBER)
        positions = restored.execute("SELECT seq, stock FROM ecommerce_changeevent ORDER BY seq").fetchall()

    assert positions == [(before + 2, 2), (before + 3, 3), (before + 4, 40), (before + 5, 50)]


def copy_as_a_dump_does(table: str, source: psycopg.Connection, restored: psycopg.Connection) -> None:
    """Copy rows before there are triggers, and then the counter of ids."""
    columns = ", ".join(column.name for column in source.execute(f"SELECT * FROM {table} LIMIT 0").description or ())
    restored.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    with (
        source.cursor().copy(f"COPY {table} ({columns}) TO STDOUT") as rows,
        restored.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy,
    ):
        for part in rows:
            copy.write(part)
    restored.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
    counter = source.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table]).fetchone()[0]
    last = source.execute(f"SELECT last_value FROM {counter}").fetchone()[0]
    restored.execute("SELECT setval(%s, %s)", [counter, last])
