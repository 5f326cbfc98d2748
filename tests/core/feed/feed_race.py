"""Writers and readers of the change feed as processes of their own, and what the readers missed.

    python -m tests.core.feed.feed_race --writers 8 --changes 150 --kills 20    # on the database of DATABASE_URL

Every change adds one to the stock of one of PRODUCTS, so that what a reader is told of a product must be 1, 2, 3, ...
A reader that is killed (SIGKILL) goes on from the last line that it wrote. Prints one JSON object.

All processes are forks of this one, which has no thread and no connection: a reader is there again within
milliseconds, and so is killed in the middle of its replay, of the seam and of what comes live.
"""

import argparse
import json
import os
import random
import signal
import sys
import threading
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import django

django.setup()

from django.db import connection, transaction  # noqa: E402  # Django first
from django.db.models import F  # noqa: E402

from catalog.models import Product  # noqa: E402
from core.feed.events import newest_seq, position_now  # noqa: E402
from core.feed.reader import FeedReader  # noqa: E402
from core.models import ChangeEvent  # noqa: E402
from tests.support.waiting import PATIENCE_S  # noqa: E402

PRODUCTS, READERS = 20, 3
ROLLED_BACK = 0.15  # of the transactions


class RollBack(Exception):
    """What a writer ends a transaction with that is to leave no trace."""


def write(ids: list[int], changes: int, seed: int) -> None:
    """Make so many changes, one to three products in a transaction."""
    chance, left = random.Random(seed), changes
    while left:
        some = sorted(chance.sample(ids, min(left, chance.choice([1, 1, 2, 3]))))
        try:
            with transaction.atomic():
                for product_id in some:
                    Product.objects.filter(pk=product_id).update(stock=F("stock") + 1)
                if connection.vendor == "postgresql":
                    time.sleep(chance.random() * 0.004)  # ids become visible out of order; SQLite would only wait
                if chance.random() < ROLLED_BACK:
                    raise RollBack
            left -= len(some)
        except RollBack:
            continue


def follow(log: Path, begin: int) -> None:
    """Append `seq product stock` to the log for every change after its last line; for ever."""
    whole, _, _ = log.read_text().rpartition("\n")  # a line cut short was not taken
    log.write_text(whole + "\n" if whole else "")
    after = whole.split("\n")[-1].split()[0] if whole else str(begin)
    awake = threading.Event()
    reader = FeedReader(lambda event: event.topic == "product", awake.set, after)
    with log.open("ab", buffering=0) as lines:
        while True:
            awake.clear()
            for event in reader.take():
                lines.write(f"{event.seq} {event.object_id} {event.stock}\n".encode())
            if not reader.is_replaying:
                awake.wait(timeout=1)


def forked(job: Callable[..., None], *args: Any) -> int:
    """Do a job in a process of its own, and return its id."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    try:
        job(*args)
    except BaseException:  # noqa: BLE001  # a fork must never go on as its parent would
        traceback.print_exc()
        os._exit(1)
    connection.close()
    os._exit(0)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def taken(log: Path) -> dict[int, list[int]]:
    """What a reader was told, in order: the stocks of each product."""
    stocks = defaultdict(list)
    for line in log.read_text().split("\n")[:-1]:
        _, product_id, stock = line.split()
        stocks[int(product_id)].append(int(stock))
    return stocks


def judged(told: dict[int, list[int]], final: dict[int, int]) -> dict[str, int]:
    return {
        "missed": sum(len(set(range(1, last + 1)) - set(told[pk])) for pk, last in final.items()),
        "doubled": sum(sum(Counter(stocks).values()) - len(set(stocks)) for stocks in told.values()),
        "out_of_order": sum(b < a for stocks in told.values() for a, b in pairwise(stocks)),
    }


def asked(question: Callable[[], Any]) -> Any:
    """Ask the database something, and keep no connection that a fork would share."""
    try:
        return question()
    finally:
        connection.close()


def race(folder: Path, writers: int, changes: int, kills: int) -> dict[str, Any]:
    """Let them run, and return the figures."""
    chance = random.Random(kills)
    hot = asked(lambda: [Product.objects.create(name=f"Hot {n}", price=1).pk for n in range(PRODUCTS)])
    begin = asked(position_now)
    logs = [folder / f"{n}.log" for n in range(READERS)]
    for log in logs:
        log.touch()
    readers = [forked(follow, log, begin) for log in logs]
    started_at = time.monotonic()
    at_work = {forked(write, hot, changes, seed) for seed in range(writers)}
    for _ in range(kills):
        time.sleep(chance.random() * 0.15)
        n = chance.randrange(READERS)
        kill(readers[n])
        readers[n] = forked(follow, logs[n], begin)
    for pid in at_work:
        os.waitpid(pid, 0)
    written_s = time.monotonic() - started_at
    final = asked(lambda: dict(Product.objects.filter(pk__in=hot).values_list("pk", "stock")))
    while any(sum(map(len, taken(log).values())) < sum(final.values()) for log in logs):
        if time.monotonic() - started_at > written_s + PATIENCE_S:
            break
        time.sleep(0.02)
    taken_s = time.monotonic() - started_at
    for pid in readers:
        kill(pid)
    positions = list(ChangeEvent.objects.filter(seq__gt=begin).order_by("seq").values_list("seq", flat=True))
    return {
        "changes": sum(final.values()),
        "readers": [judged(taken(log), final) for log in logs],
        "holes": len(set(range(begin + 1, newest_seq() + 1)) - set(positions)),
        "unnumbered": ChangeEvent.objects.filter(seq=None).count(),
        "written_s": round(written_s, 2),
        "taken_s": round(taken_s, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, default in (("writers", 8), ("changes", 150), ("kills", 20)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        sys.stdout.write(json.dumps(race(Path(folder), **vars(options))) + "\n")


if __name__ == "__main__":
    main()
