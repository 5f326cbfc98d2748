"""Rows of the shop's database: the real year of trade, or generated ones."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from django.core.management import call_command

from accounts.models import User
from benchmarks.compare.progress import say
from catalog.models import Product
from orders.models import Order, OrderItem

USERS, ORDERS_OF_EACH, LINES_OF_EACH = 2_000, 10, 3
ORDERED_PRODUCTS = 10_000
ENDLESS_STOCK = 1_000_000  # no order of a run is refused
BATCH = 5_000
START = datetime(2026, 1, 1, tzinfo=UTC)


def import_trade(file: Path, folder: Path) -> None:
    """Import an Online Retail file, and restock each product for the orders of the run."""
    call_command("importretail", file, refused=folder / "refused.csv")
    Product.objects.update(stock=ENDLESS_STOCK)


def fill(products: int) -> None:
    """Create so many products, and 2,000 users, each with ten orders of three lines."""
    ordered = _create_products(products)
    users = User.objects.bulk_create(
        User(username=f"user{n}", email=f"user{n}@example.com", created_at=_at(n)) for n in range(USERS)
    )
    for first in range(0, USERS * ORDERS_OF_EACH, BATCH):
        _create_orders(range(first, first + BATCH), users, ordered)


def _create_products(count: int) -> list[Product]:
    """Return some of the created products, evenly spread."""
    step, kept = max(1, count // ORDERED_PRODUCTS), []
    for first in range(0, count, BATCH):
        if first and first % 100_000 == 0:
            say(f"{first:,} of {count:,} products")
        made = Product.objects.bulk_create([_product(n) for n in range(first, min(first + BATCH, count))])
        kept += [product for n, product in enumerate(made, first) if n % step == 0]
    return kept


def _product(number: int) -> Product:
    colour = ("red", "blue", "green", "black", "white", "amber", "ivory", "cyan")[number % 8]
    return Product(
        name=f"Product number {number} {colour}",
        description="Made to be measured. " * 5,
        price=Decimal(100 + number * 7919 % 99900) / 100,
        stock=ENDLESS_STOCK,
        sku=f"P-{number:08d}",
        created_at=_at(number),
        updated_at=_at(number),
    )


def _create_orders(numbers: range, users: list[User], products: list[Product]) -> None:
    orders, items = [], []
    for number in numbers:
        order = Order(number=f"N{number:09d}", user=users[number % len(users)], total=0, created_at=_at(number))
        lines = [_line(order, number, place, products) for place in range(LINES_OF_EACH)]
        order.total = sum(line.line_total for line in lines)
        orders.append(order)
        items += lines
    Order.objects.bulk_create(orders)
    OrderItem.objects.bulk_create(items)


def _line(order: Order, number: int, place: int, products: list[Product]) -> OrderItem:
    product = products[(number * 7919 + place * 3334) % len(products)]
    quantity = 1 + (number + place) % 3
    return OrderItem(
        order=order,
        product=product,
        sku=product.sku,
        name=product.name,
        unit_price=product.price,
        quantity=quantity,
        line_total=product.price * quantity,
    )


def _at(number: int) -> datetime:
    return START + timedelta(seconds=number)
