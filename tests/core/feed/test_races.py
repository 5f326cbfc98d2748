"""The feed between processes: writers, readers that are killed, and forks, on a database of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.support.factories import make_product
from tests.support.live import fresh_database, using

pytestmark = [pytest.mark.live, pytest.mark.unmeasured]

ROOT = Path(__file__).resolve().parents[3]
GOOD = {"missed": 0, "doubled": 0, "out_of_order": 0}

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, migrated_template: str, django_db_blocker: Any) -> Any:
    """Run Python on a fresh database that holds one product, and return what it printed."""
    with fresh_database(tmp_path, migrated_template) as url:
        ours = {"DATABASE_URL": url, "SECRET_KEY": settings.SECRET_KEY, "DJANGO_SETTINGS_MODULE": "ecommerce.settings"}
        with django_db_blocker.unblock(), using(url):
            make_product(stock=0)

        def run_python(*arguments: str) -> str:
            done = subprocess.run(
                [sys.executable, *arguments],
                env=os.environ | ours,
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=120,
            )
            assert (done.returncode, done.stderr) == (0, "")
            return done.stdout

        yield run_python


def test_eight_writers_and_three_readers_that_are_killed_twenty_times(run: Run) -> None:
    race = ("-m", "tests.core.feed.feed_race", "--writers", "8", "--changes", "150", "--kills", "20")

    figures = json.loads(run(*race))

    assert figures["changes"] == 1_200
    assert figures["readers"] == [GOOD] * 3
    assert (figures["holes"], figures["unnumbered"]) == (0, 0)


FORKING = """
import os, threading
import django
django.setup()
from django.db import connection
from catalog.models import Product
from core.feed.reader import FeedReader
from core.feed.hub import Hub
from core.runtime import singleton

def follow_one_change(stock):
    awake = threading.Event()
    reader = FeedReader(lambda event: event.stock == stock, awake.set)
    Product.objects.update(stock=stock)
    assert awake.wait(20), f"nothing came of {stock}"
    assert [event.stock for event in reader.take()] == [stock]

follow_one_change(1)
connection.close()
with singleton(Hub)._lock:  # the worst moment
    child = os.fork()
if child == 0:
    follow_one_change(2)
    print("child", flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0, "the child failed"
follow_one_change(3)
print("parent")
"""


def test_process_that_is_forked_while_it_follows_follows_for_itself(run: Run) -> None:
    assert run("-c", FORKING) == "child\nparent\n"


STOPPED = """
import os, signal, sys, threading, time
import django
django.setup()
from django.db import connection
from catalog.models import Product
from core.feed import events
from core.feed.reader import FeedReader

def number_for_ever():
    while True:
        events.number_committed()

child = os.fork()
if child == 0:
    number_for_ever()
awake = threading.Event()
reader = FeedReader(lambda event: True, awake.set)
told = []
for stock in range(1, 41):
    os.kill(child, signal.SIGSTOP)  # at a random moment of what it does
    Product.objects.update(stock=stock)
    while len(told) < stock:
        assert awake.wait(5), f"nothing came of {stock}"
        awake.clear()
        told += [event.stock for event in reader.take()]
    os.kill(child, signal.SIGCONT)
    time.sleep(0.003)
os.kill(child, signal.SIGKILL)
print(told == list(range(1, 41)))
"""


@pytest.mark.usefixtures("requires_postgresql")
def test_process_that_is_stopped_while_it_numbers_stops_nobody_else(run: Run) -> None:
    assert run("-c", STOPPED) == "True\n"
