"""Two walls that no further node moves, predicted by a formula and measured: the hot row and the fan-out of the feed.

    python -m benchmarks.capacity [--seconds 4] [--hot] [--fan-out]     # DATABASE_URL's PostgreSQL, with pgbench

**Hot row**: N clients order one unit of one product, by the statement that places orders. Its lock is a queue: each
order holds it for S, and spends Z elsewhere. Exact mean value analysis (a closed network of one queue and a delay),
with S from the highest rate and Z from one client, says what a queue without overhead would reach. PostgreSQL wakes
the waiters of a row to queue again, so the rate falls with more clients: the universal scalability law has a term for
that. Its two parameters come from FITTED and the most clients; the rates between are predictions. Orders of 1,000
products have no queue.

**Fan-out**: one change goes to M event streams of one process. The smallest and the largest M give the time for each
stream; the line between them predicts the M in the middle.
"""

import argparse
import asyncio
import os
import re
import statistics
import subprocess
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.live import CHANGE_PAUSE_S, SERVER, Moments, Server, changed, opened, warm_up
from benchmarks.servers import Usage, allow_many_files, shop_database, using, web_server
from catalog.models import Product
from core.origin import present_origin
from orders.placing_together import PLACE
from tests.support.factories import make_user

CLIENTS, PRODUCTS = (1, 2, 4, 8, 16, 32), 1_000
FITTED = 4
STREAMS, CHANGES = (250, 500, 1_000), 15


def order_script(user_id: int, of_products: int) -> str:
    """Return the statement that places orders as a script of pgbench, with a random product."""
    statement = PLACE % {
        "ids": "ARRAY[:id]",
        "units": "ARRAY[1]",
        "positions": "ARRAY[1]",
        "counts": "ARRAY[1]",
        "max_total": "1e13",
        "numbers": "ARRAY[:number::text]",
        "user_ids": f"ARRAY[{user_id}]",
        "status": "'pending'",
        "times": "ARRAY[now()]",
        "origin": f"'{present_origin().as_json()}'",
    }
    ids, numbers = f"\\set id random(1, {of_products})", "\\set number random(1, 9000000000000000000)"
    return f"{ids}\n{numbers}\n{' '.join(statement.split())};\n"


def orders_per_second(url: str, script: str, clients: int, seconds: int) -> float:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "order.sql"
        path.write_text(script)
        command = [
            "pgbench",
            "-n",
            "-M",
            "prepared",
            "-c",
            str(clients),
            "-j",
            "2",
            "-T",
            str(seconds),
            "-f",
            str(path),
        ]
        done = subprocess.run([*command, url], capture_output=True, text=True, check=True)
    return float(re.search(r"tps = ([\d.]+)", done.stdout)[1])


def queued(clients: int, service_s: float, elsewhere_s: float) -> float:
    """Return the rate of a closed network of one queue and a delay, by exact mean value analysis."""
    waiting = rate = 0.0
    for number in range(1, clients + 1):
        response_s = service_s * (1 + waiting)
        rate = number / (elsewhere_s + response_s)
        waiting = rate * response_s
    return rate


def scaled(rates: dict[int, float]) -> Callable[[int], float]:
    """Return the universal scalability law through the rates of one, of FITTED and of the most clients."""
    most, single = max(rates), rates[1]

    def lost(clients: int) -> float:
        return (single * clients / rates[clients] - 1) / (clients - 1)

    crosstalk = (lost(most) - lost(FITTED)) / (most - FITTED)
    contention = lost(FITTED) - crosstalk * FITTED
    return lambda n: single * n / (1 + contention * (n - 1) + crosstalk * n * (n - 1))


def hot_row(seconds: int, rounds: int) -> None:
    found: dict[tuple[int, int], list[float]] = defaultdict(list)
    with shop_database(PRODUCTS) as url:
        with using(url):
            Product.objects.update(stock=2_000_000_000)
            user = make_user().pk
        for _ in range(rounds):
            for clients in CLIENTS:
                for kind in (1, PRODUCTS):
                    rate = orders_per_second(url, order_script(user, kind), clients, seconds)
                    found[kind, clients].append(rate)
    hot = {clients: statistics.median(found[1, clients]) for clients in CLIENTS}
    service_s = 1 / max(hot.values())
    elsewhere_s = max(0.0, 1 / hot[1] - service_s)
    law = scaled(hot)
    print(f"Orders a second: S = {service_s * 1e3:.2f} ms, Z = {elsewhere_s * 1e3:.2f} ms; load {load()}")
    print("| clients | one product | a queue | the law | one of 1,000 products |\n|---|---|---|---|---|")
    for clients, measured in hot.items():
        queue, free = queued(clients, service_s, elsewhere_s), statistics.median(found[PRODUCTS, clients])
        print(f"| {clients} | {measured:,.0f} | {queue:,.0f} | {law(clients):,.0f} | {free:,.0f} |")


async def reach_ms(server: Server, clients: int) -> float:
    """Return the shortest time until one change has reached all streams."""
    moments, writer, took = Moments(), ThreadPoolExecutor(1), []
    async with AsyncExitStack() as stack:
        await opened(stack, "sse", server, clients, moments)
        for _ in range(CHANGES):
            loop = asyncio.get_running_loop()
            at, stock = await loop.run_in_executor(writer, changed, server.url, server.product.pk)
            took.append(((await moments.all_have(stock, clients))[-1] - at) * 1000)
            await asyncio.sleep(CHANGE_PAUSE_S)
    return min(took)  # the change that other work on the machine disturbed least


def fan_out() -> None:
    allow_many_files()
    found = {}
    for clients in STREAMS:
        with shop_database(1) as url, web_server(SERVER, url) as (port, pid):
            with using(url):
                Product.objects.update(stock=1_000_000)
                server = Server(url, port, Usage(pid), Product.objects.get())
            warm_up(server)
            found[clients] = asyncio.run(reach_ms(server, clients))
    least, *_, most = STREAMS
    each_ms = (found[most] - found[least]) / (most - least)
    print(f"\nOne change to all streams: {each_ms * 1e3:.0f} us for each stream; load {load()}")
    print("| streams | measured, ms | predicted, ms |\n|---|---|---|")
    for clients, measured in found.items():
        print(f"| {clients:,} | {measured:.1f} | {found[least] + each_ms * (clients - least):.1f} |")


def load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--hot", action="store_true", help="the hot row alone")
    parser.add_argument("--fan-out", action="store_true", help="the fan-out alone")
    options = parser.parse_args()
    if not options.fan_out:
        hot_row(options.seconds, options.rounds)
    if not options.hot:
        fan_out()


if __name__ == "__main__":
    main()
