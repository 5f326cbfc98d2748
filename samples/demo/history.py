"""Generates some months of orders: customers, products, dates and status changes. Does not use the database."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random

from orders.drafts import NUMBER_ALPHABET

SEED = 1_876
ORDERS = 186
ORDERS_OF_THE_DEMO_CUSTOMER = 9
HISTORY_DAYS = 150
DAY_MIN = 24 * 60
CUSTOMERS = (
    "amara.okafor",
    "ben.whitfield",
    "carla.moreno",
    "daniel.kowalski",
    "elif.yilmaz",
    "farid.haddad",
    "greta.lindqvist",
    "hiroshi.tanaka",
    "ingrid.sorensen",
    "joao.pereira",
    "katarzyna.nowak",
    "liam.oconnor",
    "mei.chen",
    "nadia.rahman",
    "oskar.weiss",
    "priya.sharma",
    "quentin.dubois",
    "rosa.esposito",
    "samuel.boateng",
    "tereza.dvorakova",
)
# The final outcomes of orders, in percent. A recent order may not have reached its outcome yet.
OUTCOMES = {"delivered": 78, "cancelled unpaid": 6, "cancelled paid": 4, "refunded": 8, "left unpaid": 4}
CANCEL_NOTES = ("Ordered twice", "Changed my mind", "Wrong address", "Found it in the cellar")
REFUND_NOTES = ("Arrived broken", "Not as expected", "Came too late", "Wrong colour")


@dataclass
class PlannedProduct:
    """A row of products.csv. Every age, such as `age_min`, is in minutes before the load."""

    sku: str
    name: str
    description: str
    price: Decimal
    received: int
    age_min: int
    popularity: float
    left: int = field(init=False)
    changed_age_min: int = field(init=False)
    changes: int = 0

    def __post_init__(self) -> None:
        self.left, self.changed_age_min = self.received, self.age_min

    def move_stock(self, units: int, age_min: int) -> None:
        self.left += units
        self.changes += 1
        self.changed_age_min = min(self.changed_age_min, age_min)


@dataclass(frozen=True)
class DemoStep:
    status: str
    age_min: int
    by_customer: bool = False
    note: str = ""


@dataclass(frozen=True)
class PlannedOrder:
    """`customer` is None for the demo user `customer`; `units` maps the index of a product to its quantity."""

    number: str
    customer: int | None
    units: dict[int, int]
    steps: list[DemoStep]


def read_products(rng: Random) -> list[PlannedProduct]:
    """Return the products of products.csv, most of them older than the order history, some new."""
    with (Path(__file__).parent / "products.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        PlannedProduct(
            sku=row["sku"],
            name=row["name"],
            description=row["description"],
            price=Decimal(row["price"]),
            received=int(row["received"]),
            age_min=_days(rng, 3, 40) if rng.random() < 0.08 else _days(rng, HISTORY_DAYS, 2 * HISTORY_DAYS),
            popularity=rng.random() ** 2 + 0.05,
        )
        for row in rows
    ]


def plan() -> tuple[list[PlannedProduct], list[PlannedOrder]]:
    """Generate the history, always the same. Sold units are subtracted from the received units of the products."""
    rng = Random(SEED)  # noqa: S311  # no secret
    products = read_products(rng)
    customers = rng.choices(range(len(CUSTOMERS)), [rng.random() + 0.2 for _ in CUSTOMERS], k=ORDERS)
    owners: list[int | None] = [None] * ORDERS_OF_THE_DEMO_CUSTOMER + customers[ORDERS_OF_THE_DEMO_CUSTOMER:]
    ages = [max(25, int(rng.random() ** 1.3 * HISTORY_DAYS * DAY_MIN)) for _ in owners]
    timeline = sorted(zip(ages, range(ORDERS), strict=True), reverse=True)
    orders = [_order(rng, products, owners[index], age) for age, index in timeline]
    for order in orders:
        if order.steps[-1].status == "cancelled":
            _return_stock(products, order)
    return products, orders


def _order(rng: Random, products: list[PlannedProduct], customer: int | None, age_min: int) -> PlannedOrder:
    units = _basket(rng, products, age_min)
    steps = list(_steps(rng, age_min))
    for index, count in units.items():
        products[index].move_stock(-count, age_min)
    number = "".join(rng.choices(NUMBER_ALPHABET, k=10))
    return PlannedOrder(number, customer, units, steps)


def _return_stock(products: list[PlannedProduct], order: PlannedOrder) -> None:
    for index, count in order.units.items():
        products[index].move_stock(count, order.steps[-1].age_min)


def _basket(rng: Random, products: list[PlannedProduct], age_min: int) -> dict[int, int]:
    on_sale = [index for index, product in enumerate(products) if product.left and product.age_min > age_min]
    wanted = rng.choices(
        on_sale, [products[index].popularity for index in on_sale], k=rng.choice((1, 2, 2, 3, 3, 4, 6))
    )
    units = Counter({index: rng.choice((1, 1, 1, 2, 2, 3)) for index in sorted(set(wanted))})
    return {index: min(count, products[index].left) for index, count in units.items()}


def _steps(rng: Random, age_min: int) -> Iterator[DemoStep]:
    """Yield the steps so far of an order of this age, oldest first."""
    outcome = rng.choices(list(OUTCOMES), list(OUTCOMES.values()))[0]
    yield DemoStep("pending", age_min, by_customer=True)
    for status, wait_min, by_customer, note in _course(rng, outcome):
        age_min -= wait_min
        if age_min < 0:
            return
        yield DemoStep(status, age_min, by_customer, note)


def _course(rng: Random, outcome: str) -> list[tuple[str, int, bool, str]]:
    """Return all steps after `pending`, as (status, minutes since the previous step, by the customer?, note)."""
    paid = ("paid", rng.randrange(2, 600), False, "")
    shipped = ("shipped", rng.randrange(240, 3 * DAY_MIN), False, "")
    delivered = ("delivered", _days(rng, 1, 6), False, "")
    cancelled = ("cancelled", rng.randrange(10, 1_200), rng.random() < 0.7, rng.choice(CANCEL_NOTES))
    refunded = ("refunded", _days(rng, 2, 14), False, rng.choice(REFUND_NOTES))
    return {
        "delivered": [paid, shipped, delivered],
        "cancelled unpaid": [cancelled],
        "cancelled paid": [paid, cancelled],
        "refunded": [paid, shipped, delivered, refunded],
        "left unpaid": [],
    }[outcome]


def _days(rng: Random, least: int, most: int) -> int:
    return rng.randrange(least * DAY_MIN, most * DAY_MIN)
