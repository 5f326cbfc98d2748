"""The rows of a data set that requests name, and the callers that send them."""

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

BATCH_ROWS = 5_000
REQUESTS = 500  # different requests of an operation; the load picks one at random
FIRST_PAGES = range(1, 11)
_random = random.Random(1947)  # noqa: S311  # the same requests in every run


class Caller(NamedTuple):
    user_id: int
    token: str


class Sample(NamedTuple):
    product_ids: Sequence[int]
    readers: Sequence[Caller]  # each has exactly ten orders, and places none
    buyers: Sequence[Caller]
    staff: Caller

    def some_products(self) -> list[int]:
        return _random.choices(self.product_ids, k=REQUESTS)

    def baskets(self) -> list[tuple[Caller, dict[int, int]]]:
        """Return buyers with the products and quantities that each orders: three lines, four units."""
        picked = (_random.sample(self.product_ids, k=3) for _ in range(REQUESTS))
        return [(_random.choice(self.buyers), dict(zip(ids, (1, 1, 2), strict=True))) for ids in picked]


def new_products() -> list[dict[str, Any]]:
    """Return the rows of one batch; no two batches share a SKU."""
    batch = f"{random.getrandbits(48):012x}"  # a name
    return [
        {
            "name": f"New product {number}",
            "description": "Made to be measured, and to be measured again.",
            "price": number % 900 + 0.5,
            "stock": number % 1_000,
            "sku": f"B{batch}-{number}",
        }
        for number in range(BATCH_ROWS)
    ]
