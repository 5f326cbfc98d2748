"""Some months of trade, invented: who ordered what when, and what became of it. Knows no database."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random

from orders.actions import NUMBER_ALPHABET

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
# What becomes of an order in the end, and in how many of a hundred; a young one is still on its way there.
FATES = {"delivered": 78, "cancelled unpaid": 6, "cancelled paid": 4, "refunded": 8, "left unpaid": 4}
CANCEL_NOTES = ("Ordered twice", "Changed my mind", "Wrong address", "Found it in the cellar")
REFUND_NOTES = ("Arrived broken", "Not as expected", "Came too late", "Wrong colour")


@dataclass
class PlannedProduct:
    """A row of products.csv. `age_min` and every other age counts minutes back from the load."""

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
class Step:
    status: str
    age_min: int
    by_customer: bool = False
    note: str = ""


@dataclass(frozen=True)
class PlannedOrder:
    """`customer` is None for the one who signs in as `customer`; `units` maps a product's place in the list."""

    number: str
    customer: int | None
    units: dict[int, int]
    steps: list[Step]


def read_products(rng: Random) -> list[PlannedProduct]:
    """Return the products of products.csv, most of them older than the history, some new."""
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
    """Invent the history: always the same. Units sold are taken from what the products received."""
    rng = Random(SEED)
    products = read_products(rng)
    customers = rng.choices(range(len(CUSTOMERS)), [rng.random() + 0.2 for _ in CUSTOMERS], k=ORDERS)
    owners: list[int | None] = [None] * ORDERS_OF_THE_DEMO_CUSTOMER + customers[ORDERS_OF_THE_DEMO_CUSTOMER:]
    ages = [max(25, int(rng.random() ** 1.3 * HISTORY_DAYS * DAY_MIN)) for _ in owners]
    timeline = sorted(zip(ages, range(ORDERS), strict=True), reverse=True)
    orders = [_order(rng, products, owners[place], age) for age, place in timeline]
    for order in orders:
        if order.steps[-1].status == "cancelled":
            _give_back(products, order)
    return products, orders


def _order(rng: Random, products: list[PlannedProduct], customer: int | None, age_min: int) -> PlannedOrder:
    units = _basket(rng, products, age_min)
    steps = list(_steps(rng, age_min))
    for place, count in units.items():
        products[place].move_stock(-count, age_min)
    number = "".join(rng.choices(NUMBER_ALPHABET, k=10))
    return PlannedOrder(number, customer, units, steps)


def _give_back(products: list[PlannedProduct], order: PlannedOrder) -> None:
    for place, count in order.units.items():
        products[place].move_stock(count, order.steps[-1].age_min)


def _basket(rng: Random, products: list[PlannedProduct], age_min: int) -> dict[int, int]:
    on_sale = [place for place, product in enumerate(products) if product.left and product.age_min > age_min]
    wanted = rng.choices(
        on_sale, [products[place].popularity for place in on_sale], k=rng.choice((1, 2, 2, 3, 3, 4, 6))
    )
    units = Counter({place: rng.choice((1, 1, 1, 2, 2, 3)) for place in sorted(set(wanted))})
    return {place: min(count, products[place].left) for place, count in units.items()}


def _steps(rng: Random, age_min: int) -> Iterator[Step]:
    """Yield what happened to an order of that age so far, oldest first."""
    fate = rng.choices(list(FATES), list(FATES.values()))[0]
    yield Step("pending", age_min, by_customer=True)
    for status, wait_min, by_customer, note in _course(rng, fate):
        age_min -= wait_min
        if age_min < 0:
            return
        yield Step(status, age_min, by_customer, note)


def _course(rng: Random, fate: str) -> list[tuple[str, int, bool, str]]:
    """Return (status, minutes since the step before, by the customer?, note) of a whole life."""
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
    }[fate]


def _days(rng: Random, least: int, most: int) -> int:
    return rng.randrange(least * DAY_MIN, most * DAY_MIN)
