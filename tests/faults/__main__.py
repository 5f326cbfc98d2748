"""Cause faults under load, and count the orders and events that were lost or doubled.

    python -m tests.faults                       # all, about five minutes; needs PostgreSQL's and Redis' programs
    python -m tests.faults --sqlite              # the faults of processes alone, on SQLite
    python -m tests.faults --only silent --seconds 5

Two web and two gRPC workers serve buyers of three protocols while each fault begins and ends. The database is reached
through a proxy. Prints a row a fault and the sums; exits with 1 if an order or an event was lost or doubled.
"""

import argparse
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults.link import Link
from tests.faults.scenarios import Fault, faults_of_processes, faults_of_services
from tests.faults.servers import Postgres, Redis, Shop
from tests.support.live import free_port


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__.partition("\n")[0])
    parser.add_argument("--sqlite", action="store_true", help="on SQLite: only the faults of processes")
    parser.add_argument("--only", default="", metavar="TEXT", help="only faults whose name contains this")
    parser.add_argument("--seconds", type=float, default=4, help="of load before and after each fault (4)")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="faults-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as a user of its own
        shop, faults = on_sqlite(folder, stack) if options.sqlite else on_postgresql(folder, stack)
        chosen = [fault for fault in faults if options.only in fault.name]
        # The settings are those of the run's database, which was made just now.
        from tests.faults.run import Run

        return Run(shop, stack).report(chosen, options.seconds)


def on_sqlite(folder: Path, stack: ExitStack) -> tuple[Shop, list[Fault]]:
    shop = Shop(folder, f"sqlite:///{folder / 'shop.sqlite3'}", "")
    shop.start(stack)
    return shop, faults_of_processes(shop)


def on_postgresql(folder: Path, stack: ExitStack) -> tuple[Shop, list[Fault]]:
    postgres, redis = Postgres(folder / "postgres"), Redis(folder)
    postgres.start()
    stack.callback(postgres.kill)
    redis.start()
    stack.callback(redis.kill)
    postgres.run("CREATE ROLE shop LOGIN", "CREATE DATABASE shop OWNER shop")
    link = Link(free_port(), postgres.port)
    link.start()
    stack.callback(link.stop)
    shop = Shop(folder, f"postgres://shop@127.0.0.1:{link.port}/shop", f"redis://127.0.0.1:{redis.port}/0")
    shop.start(stack)
    return shop, faults_of_processes(shop) + faults_of_services(postgres, redis, link)


if __name__ == "__main__":
    began_at = time.monotonic()
    code = main()
    sys.stdout.write(f"{time.monotonic() - began_at:.0f} s in all\n")
    sys.exit(code)
