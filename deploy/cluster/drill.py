"""Drills: one part is killed under load, and the clients say what they saw."""

import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import psutil
import psycopg

from deploy.cluster.control import primary, replicas
from deploy.cluster.layout import GRPC, POSTGRES, PRIMARY, WEB, url_of
from deploy.cluster.load import PRODUCTS, Load, Seen
from deploy.cluster.parts import part_named, wait_until

BEFORE_S, DOWN_S, AFTER_S = 4, 6, 6
STOCK = 1_000_000
PATIENCE_S = 60


class Outcome(NamedTuple):
    """One row of the table."""

    name: str
    orders: int
    per_second: float
    failures: int
    longest_s: float
    recovered_s: float
    lost: int
    doubled: int
    events_lost: int
    stale: int

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.doubled or self.events_lost or self.stale)


COLUMNS = ("drill", "orders", "orders/s", "failed attempts", "longest wait, s", "recovered after, s", "orders lost",
           "orders doubled", "events lost", "stale reads")  # fmt: skip


def run(names: Sequence[str], markdown: Path | None) -> int:
    """Run the drills, print the table, and return the exit code: 1 if an order, an event or a read was wrong."""
    outcomes = []
    for name in names:
        print(f"{name} ...", flush=True)
        outcome = _drilled(name, DRILLS[name])
        outcomes.append(outcome)
        print(_line(outcome), flush=True)
    table = "\n".join([_row(COLUMNS), _row(["---"] * len(COLUMNS)), *map(_line, outcomes)])
    print(f"\n{table}")
    if markdown:
        markdown.write_text(f"{table}\n")
    return 0 if all(outcome.is_good for outcome in outcomes) else 1


def loaded(seconds: float) -> str:
    """Load the cluster without an outage, and return the table."""
    outcome = _drilled("load", lambda: time.sleep(seconds))
    return "\n".join([_row(COLUMNS), _row(["---"] * len(COLUMNS)), _line(outcome)])


def _drilled(name: str, drill: Callable[[], object]) -> Outcome:
    with psycopg.connect(url_of(PRIMARY), autocommit=True) as connection:
        connection.execute("UPDATE catalog_product SET stock = %s WHERE id = ANY(%s)", [STOCK, list(PRODUCTS)])
        orders_before, cursor = _newest(connection)
    load = Load()
    began = time.monotonic()
    load.start(cursor)
    time.sleep(BEFORE_S)
    killed_at = time.monotonic()
    drill()
    time.sleep(AFTER_S)
    seen = load.stop()
    seconds = time.monotonic() - began
    return _outcome(name, seen, seconds, killed_at, orders_before, cursor)


def _outcome(name: str, seen: Seen, seconds: float, killed_at: float, orders_before: int, cursor: int) -> Outcome:
    with psycopg.connect(url_of(PRIMARY)) as connection:
        placed = {pk for (pk,) in connection.execute("SELECT id FROM orders_order WHERE id > %s", [orders_before])}
        last = max(seen.cursors, default=cursor)
        written = connection.execute(
            "SELECT seq FROM ecommerce_changeevent WHERE topic = 'product' AND seq > %s AND seq <= %s", [cursor, last]
        )
        events = {seq for (seq,) in written}
    acknowledged = set(seen.orders.values())
    for text, count in Counter(text for _, text in seen.failures).most_common(3):
        print(f"    {count} x {text}")
    return Outcome(
        name=name,
        orders=len(acknowledged),
        per_second=len(acknowledged) / seconds,
        failures=len(seen.failures),
        longest_s=max(seen.waits_s, default=0.0),
        recovered_s=max(seen.failed_after(killed_at), default=0.0),
        lost=len(acknowledged - placed),
        doubled=len(placed - acknowledged) + len(seen.orders) - len(acknowledged),
        events_lost=len(events - set(seen.cursors)),
        stale=seen.stale,
    )


def _newest(connection: psycopg.Connection) -> tuple[int, int]:
    """Return the id of the newest order and the cursor of the newest event."""
    row = connection.execute(
        "SELECT (SELECT coalesce(max(id), 0) FROM orders_order),"
        " (SELECT coalesce(max(seq), 0) FROM ecommerce_changeevent)"
    ).fetchone()
    return (row[0], row[1]) if row else (0, 0)


def _row(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _line(outcome: Outcome) -> str:
    return _row([f"{cell:.1f}" if isinstance(cell, float) else cell for cell in outcome])


# -- What is killed ---------------------------------------------------------------------------------------------
def _killed(name: str) -> Callable[[], None]:
    def drill() -> None:
        part = part_named(name)
        part.kill(signal.SIGKILL)
        time.sleep(DOWN_S)
        part.start()

    return drill


def _kill_worker() -> None:
    part = part_named("web-1")
    worker = psutil.Process(part.pid).children()[0]
    worker.kill()


def _kill_replica() -> None:
    (name,) = replicas()
    _killed(name)()
    wait_until(lambda: len(replicas()) == 1, PATIENCE_S, "The replica did not come back")


def _kill_primary() -> None:
    name = primary() or next(iter(POSTGRES))
    part_named(name).kill(signal.SIGKILL)
    wait_until(lambda: primary() not in (None, name), PATIENCE_S, "No replica was promoted")
    part_named(name).start()
    wait_until(lambda: len(replicas()) == 1, PATIENCE_S, "The old primary did not follow the new one")


def _restart_in_turn() -> None:
    """Restart every process of the shop, one after the other, as a new version would be rolled out."""
    for name in (*WEB, *GRPC):
        part = part_named(name)
        part.kill(signal.SIGTERM)
        wait_until(lambda part=part: part.pid is None, PATIENCE_S, f"{name} did not end")  # type: ignore[misc]  # a default binds the part
        part.start()


DRILLS: dict[str, Callable[[], None]] = {
    "rolling-restart": _restart_in_turn,
    "worker": _kill_worker,
    "web-1": _killed("web-1"),
    "grpc-1": _killed("grpc-1"),
    "redis": _killed("redis"),
    "pgbouncer": _killed("pgbouncer"),
    "nginx": _killed("nginx"),
    "haproxy": _killed("haproxy"),
    "etcd": _killed("etcd"),
    "replica": _kill_replica,
    "primary": _kill_primary,
}
