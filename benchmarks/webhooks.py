"""Webhooks per second from one dispatcher process to a receiver on loopback, and the delay from a commit to its POST.

    python -m benchmarks.webhooks [--events 2000] [--changes 200]     # DATABASE_URL's server, or SQLite

The events exist before the dispatcher starts. For the delay, products are created one by one.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.servers import shop_database
from catalog.models import Product
from tests.support.live import free_port
from tests.webhooks.hooks import make_endpoint
from webhooks.models import Delivery

SETTINGS = {"WEBHOOK_ALLOW_HTTP": "on", "WEBHOOK_PRIVATE_NETWORKS": "127.0.0.0/8"}


@contextmanager
def process(*arguments: str, **env: str) -> Iterator[None]:
    running = subprocess.Popen([sys.executable, *arguments], env=os.environ | env, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        running.terminate()
        running.wait(20)


def moments(file: Path) -> list[float]:
    return [json.loads(line)["at"] for line in file.read_text().split("\n")[:-1]]


def wait_for(file: Path, count: int) -> list[float]:
    while file.read_bytes().count(b"\n") < count:
        time.sleep(0.0005)
    return moments(file)


def delays(file: Path, changes: int) -> list[float]:
    """Create so many products; return the milliseconds from each commit to its POST."""
    found, before = [], len(moments(file))
    for number in range(1, changes + 1):
        Product.objects.create(name=f"Late {number}", price=1)
        committed_at = time.time()
        found.append((wait_for(file, before + number)[-1] - committed_at) * 1000)
        time.sleep(0.03)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=2_000)
    parser.add_argument("--changes", type=int, default=200)
    options = parser.parse_args()
    with ExitStack() as stack:
        url = stack.enter_context(shop_database(products=0))
        file = Path(stack.enter_context(TemporaryDirectory())) / "received"
        file.touch()
        port = free_port()
        stack.enter_context(process("-m", "tests.webhooks.receiver", str(port), str(file)))
        make_endpoint(f"http://127.0.0.1:{port}/hook")
        for number in range(options.events):
            Product.objects.create(name=f"Early {number}", price=1)
        env = SETTINGS | {"DATABASE_URL": url}
        stack.enter_context(process("manage.py", "deliverwebhooks", "--skip-checks", **env))
        first = wait_for(file, 1)[0]
        while Delivery.objects.filter(state="delivered").count() < options.events:
            time.sleep(0.05)
        rate = options.events / (time.time() - first)
        late = sorted(delays(file, options.changes))
        p50, p99 = statistics.median(late), late[int(len(late) * 0.99)]
        sys.stdout.write(
            f"{rate:.0f} deliveries per second; from commit to POST {p50:.1f} ms (p50), {p99:.1f} ms (p99)\n"
        )


if __name__ == "__main__":
    main()
