"""The databases of a data set: the shop's, filled through its own models, and a copy in the peers' tables."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
from django.core.management import call_command

from accounts.models import User
from benchmarks.compare.filling import fill, import_trade
from benchmarks.compare.progress import say
from benchmarks.compare.samples import Caller, Sample
from benchmarks.servers import ROOT, using
from tests.support.api import access_token

SCHEMA_SETTINGS = "benchmarks.peers.tutorial.settings"
COPIES = {
    "shop_user (id, username, email)": "accounts_user",
    "shop_product (id, sku, name, description, price, stock, version, created_at, updated_at)": "catalog_product",
    "shop_order (id, user_id, status, total, created_at)": "orders_order",
    "shop_orderitem (id, order_id, product_id, quantity, unit_price)": "orders_orderitem",
}
CALLERS = 20
WITH_TEN_ORDERS = (
    "select user_id from orders_order where user_id is not null group by 1 having count(*) = 10 order by 1"
)


class DataSet(NamedTuple):
    name: str
    title: str
    products: int = 0
    retail_file: Path | None = None
    on_sqlite: bool = False


class Databases(NamedTuple):
    shop: str
    peers: str
    sample: Sample

    def of(self, *, is_shop: bool) -> str:
        return self.shop if is_shop else self.peers


@contextmanager
def prepared(data: DataSet, server_url: str, folder: Path) -> Iterator[Databases]:
    """Create and fill both databases; drop them after the block."""
    with _database(data, server_url, folder) as shop, _database(data, server_url, folder) as peers:
        say(f"{data.title}: filling the databases")
        with using(shop):
            call_command("migrate", verbosity=0)
            if data.retail_file:
                import_trade(data.retail_file, folder)
            else:
                fill(data.products)
            staff = User.objects.create_superuser("benchmark", "benchmark@example.com")
        _migrate_peers(peers)
        _copy(shop, peers)
        with using(shop):
            yield Databases(shop, peers, _sample(shop, staff))


def rows_of(url: str, sql: str) -> list[tuple[Any, ...]]:
    """Run a statement without the ORM; return its rows, if it has any."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(urlsplit(url).path, isolation_level=None, timeout=20)) as connection:
            return connection.execute(sql).fetchall()
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def _database(data: DataSet, server_url: str, folder: Path) -> Iterator[str]:
    name = f"compare_{uuid4().hex[:12]}"
    if data.on_sqlite:
        yield f"sqlite:///{folder}/{name}.sqlite3"
        return
    server = urlsplit(server_url)._replace(scheme="postgresql")
    administration = server._replace(path="/postgres").geturl()
    rows_of(administration, f"create database {name}")
    try:
        yield server._replace(path=f"/{name}").geturl()
    finally:
        rows_of(administration, f"drop database {name} with (force)")


def _migrate_peers(url: str) -> None:
    env = {**os.environ, "PEERS_DATABASE": url, "DJANGO_SETTINGS_MODULE": SCHEMA_SETTINGS}
    subprocess.run([sys.executable, "-m", "django", "migrate", "-v0"], cwd=ROOT, env=env, check=True)


def _copy(shop: str, peers: str) -> None:
    """Copy the shop's rows into the peers' tables, with their ids."""
    if shop.startswith("sqlite"):
        with closing(sqlite3.connect(urlsplit(peers).path)) as connection:
            connection.execute("attach ? as shop", (urlsplit(shop).path,))
            for target, source in COPIES.items():
                connection.execute(f"insert into {target} select {_columns(target)} from shop.{source}")
            connection.commit()
            connection.execute("analyze")
        return
    with psycopg.connect(shop) as reading, psycopg.connect(peers) as writing:
        for target, source in COPIES.items():
            with (
                reading.cursor().copy(f"copy (select {_columns(target)} from {source}) to stdout") as rows,
                writing.cursor().copy(f"copy {target} from stdin") as copied,
            ):
                for block in rows:
                    copied.write(block)
            table = target.split()[0]
            writing.execute(
                f"select setval(pg_get_serial_sequence('{table}', 'id'), (select coalesce(max(id), 1) from {table}))"
            )
    for url in (shop, peers):
        rows_of(url, "vacuum analyze")


def _columns(target: str) -> str:
    return target.partition("(")[2].rstrip(")")


def _sample(url: str, staff: User) -> Sample:
    ids = [user_id for (user_id,) in rows_of(url, f"{WITH_TEN_ORDERS} limit {2 * CALLERS}")]
    users = User.objects.in_bulk(ids)
    callers = [Caller(user_id, access_token(users[user_id])) for user_id in ids]
    products = [product_id for (product_id,) in rows_of(url, "select id from catalog_product order by id")]
    return Sample(products, callers[:CALLERS], callers[CALLERS:], Caller(staff.pk, access_token(staff)))
