"""One run: load, faults, and the books afterwards."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import pairwise

import django
from tqdm import tqdm

django.setup()

from django.db import connection  # noqa: E402  # Django first

from catalog.models import Product  # noqa: E402
from core.feed.events import newest_seq, number_committed, position_now  # noqa: E402
from core.models import ChangeEvent  # noqa: E402
from orders.models import Order, OrderItem  # noqa: E402
from tests.faults.followers import Followers  # noqa: E402
from tests.faults.load import Buyer, Tally, over_graphql, over_grpc, over_rest  # noqa: E402
from tests.faults.scenarios import Fault  # noqa: E402
from tests.faults.servers import Shop  # noqa: E402
from tests.parity.live_race import Target  # noqa: E402
from tests.support.api import access_token  # noqa: E402
from tests.support.factories import make_product, make_user  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402

BUYERS = 2  # of each protocol
STOCK = 1_000_000
RECOVERY_S = 60
CATCH_UP_S = 30
FAULTY = ("lost", "doubled", "missing", "out of order")  # the sums that must be 0


class Run:
    def __init__(self, shop: Shop, stack: ExitStack) -> None:
        self.shop = shop
        self.products = [make_product(stock=STOCK).pk for _ in range(3)]
        token = access_token(make_user())
        self.begin = position_now()
        connection.close()  # it is opened again when the faults are over
        self.tallies = {name: Tally() for name in ("REST", "GraphQL", "gRPC")}
        doors = {
            "REST": lambda: over_rest(shop.url, token),
            "GraphQL": lambda: over_graphql(shop.url, token),
            "gRPC": lambda: over_grpc(shop.grpc_port, token),
        }
        self.buyers = [
            Buyer(doors[name](), self.tallies[name], self.products, seed) for name in doors for seed in range(BUYERS)
        ]
        self.followers = Followers(Target([shop.url], [shop.grpc_port], self.products[0], token), str(self.begin))

    def report(self, faults: Sequence[Fault], seconds: float) -> int:
        """Cause each fault under load and print the table; return 1 if anything was lost or doubled."""
        self.followers.start()
        for buyer in self.buyers:
            buyer.start()
        rows = [self._caused(fault, seconds) for fault in tqdm(faults, "Faults", disable=not sys.stderr.isatty())]
        for buyer in self.buyers:
            buyer.stop()
        sums = self._sums()
        self.followers.stop()
        head = "| fault | answers of REST / GraphQL / gRPC | longest wait, s | s until all answer again |"
        sys.stdout.write("\n".join([head, "|---|---|---|---|", *rows, "", *(f"{k}: {v}" for k, v in sums.items()), ""]))
        return int(any(value for name, value in sums.items() if name.endswith(FAULTY)))

    def _caused(self, fault: Fault, seconds: float) -> str:
        """Cause one fault and return its row."""
        time.sleep(seconds)
        for tally in self.tallies.values():
            tally.begin_phase()
        fault.begin()
        time.sleep(fault.lasts_s)
        fault.end()
        ended_at = time.monotonic()
        wait_until(lambda: self._has_recovered(ended_at), f"No recovery from {fault.name!r}", RECOVERY_S)
        recovered_s = time.monotonic() - ended_at
        time.sleep(seconds)
        answers = " / ".join(
            ", ".join(f"{status} {count}" for status, count in sorted(tally.statuses.items()))
            for tally in self.tallies.values()
        )
        longest_s = max(tally.longest_s for tally in self.tallies.values())
        return f"| {fault.name} | {answers} | {longest_s:.1f} | {recovered_s:.1f} |"

    def _has_recovered(self, since: float) -> bool:
        return all(tally.succeeded_at > since for tally in self.tallies.values())

    def _sums(self) -> dict[str, float]:
        """Compare what the buyers and the followers were told with the database."""
        number_committed()
        followed = ChangeEvent.objects.filter(topic="product", object_id=self.products[0], seq__gt=self.begin)
        newest_seq()
        events = list(followed.order_by("seq").values_list("seq", flat=True))
        caught_up_s = self.followers.wait_for(events[-1], CATCH_UP_S)
        orders = set(Order.objects.values_list("pk", flat=True))
        acknowledged = [ids for tally in self.tallies.values() for ids in tally.orders.values()]
        known = set().union(*acknowledged)
        sold = sum(OrderItem.objects.values_list("quantity", flat=True))
        left = sum(Product.objects.values_list("stock", flat=True))
        return {
            "orders acknowledged": len(acknowledged),
            "orders lost": len(known - orders),
            "orders doubled": len(orders - known) + sum(len(ids) > 1 for ids in acknowledged),
            "units of stock missing": STOCK * len(self.products) - sold - left,
            "events of the followed product": len(events),
            "seconds until every reader had the last event": round(caught_up_s, 2),
        } | {name: value for reader in self.followers.cursors for name, value in self._judged(reader, events)}

    def _judged(self, reader: str, events: list[int]) -> Iterator[tuple[str, int]]:
        found = self.followers.cursors[reader]
        yield f"{reader}: disconnections", self.followers.disconnections[reader]
        yield f"{reader}: events lost", len(set(events) - set(found))
        yield f"{reader}: events doubled", len(found) - len(set(found))
        yield f"{reader}: events out of order", sum(later <= earlier for earlier, later in pairwise(found))
