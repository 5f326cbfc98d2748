"""Writes the demo data as rows: actions can't write past orders. The database constraints still apply."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from accounts.models import User
from catalog.models import Category, Product
from orders.models import Order, OrderEvent, OrderItem
from samples.demo.history import CUSTOMERS, HISTORY_DAYS, PlannedOrder, PlannedProduct, plan
from samples.demo.pictures import stored_pictures

STAFF, CUSTOMER = "staff", "customer"
# The tree of categories: the SKUs of a leaf's products start with its prefix.
CATEGORIES = {
    "Food and drink": {"TEA": "Tea"},
    "House and garden": {"GAR": "Garden", "KIT": "Kitchen", "LMP": "Lamps"},
    "Leisure": {"BAG": "Bags", "BOK": "Books", "STA": "Stationery", "TOY": "Toys"},
}


def is_empty() -> bool:
    """Return whether the shop has no products, no orders and no users."""
    return not any(model.objects.exists() for model in (Product, Order, User))


@transaction.atomic
def prepare(password: str) -> tuple[list[str], bool]:
    """Add the missing demo users and, if the database is empty, the demo data. One transaction.

    Returns the names of the added users, and whether the demo data were loaded.
    """
    empty = is_empty()
    added = [name for name in (STAFF, CUSTOMER) if not User.objects.named(name).exists()]
    if STAFF in added:
        User.objects.create_superuser(STAFF, f"{STAFF}@example.com", password)
    if CUSTOMER in added:
        User.objects.create_user(CUSTOMER, f"{CUSTOMER}@example.com", password)
    if empty:
        _load(timezone.now())
    return added, empty


def _load(now: datetime) -> None:
    planned_products, planned_orders = plan()
    staff, customer = User.objects.named(STAFF).get(), User.objects.named(CUSTOMER).get()
    opened = now - timedelta(days=HISTORY_DAYS + 30)
    User.objects.filter(pk__in=(staff.pk, customer.pk)).update(created_at=opened)
    users = User.objects.bulk_create(_customer(name, index, opened) for index, name in enumerate(CUSTOMERS))
    categories = _categories()
    pictures = stored_pictures()
    products = Product.objects.bulk_create(
        _product(row, categories, pictures.get(row.sku), now) for row in planned_products
    )
    owners = [customer if row.customer is None else users[row.customer] for row in planned_orders]
    lines = [_lines(row, products) for row in planned_orders]
    orders = Order.objects.bulk_create(
        _order(row, owner, items, now) for row, owner, items in zip(planned_orders, owners, lines, strict=True)
    )
    for order, items in zip(orders, lines, strict=True):
        for item in items:
            item.order = order
    OrderItem.objects.bulk_create(item for items in lines for item in items)
    OrderEvent.objects.bulk_create(
        event for row, order in zip(planned_orders, orders, strict=True) for event in _events(row, order, staff, now)
    )


def _customer(name: str, index: int, opened: datetime) -> User:
    # Created before the first order, one per day; without a password, so that these users can't sign in.
    user = User(username=name, email=f"{name}@example.com", created_at=opened + timedelta(days=index))
    user.set_unusable_password()
    return user


def _categories() -> dict[str, Category]:
    """Add the categories. Returns the leaves of the tree by the SKU prefix of their products."""
    leaves = {}
    for top, below in CATEGORIES.items():
        parent, _ = Category.objects.get_or_create(slug=slugify(top), defaults={"name": top})
        for prefix, name in below.items():
            leaf = {"name": name, "parent": parent}
            leaves[prefix], _ = Category.objects.get_or_create(slug=slugify(name), defaults=leaf)
    return leaves


def _product(row: PlannedProduct, categories: Mapping[str, Category], image: str | None, now: datetime) -> Product:
    return Product(
        image=image,
        category=categories[row.sku.partition("-")[0]],
        sku=row.sku,
        name=row.name,
        description=row.description,
        price=row.price,
        stock=row.left,
        version=1 + row.changes,
        created_at=now - timedelta(minutes=row.age_min),
        updated_at=now - timedelta(minutes=row.changed_age_min),
    )


def _lines(row: PlannedOrder, products: list[Product]) -> list[OrderItem]:
    return [
        OrderItem(
            product=product,
            sku=product.sku,
            name=product.name,
            unit_price=product.price,
            quantity=units,
            line_total=product.price * units,
        )
        for product, units in ((products[index], units) for index, units in row.units.items())
    ]


def _order(row: PlannedOrder, owner: User, items: list[OrderItem], now: datetime) -> Order:
    return Order(
        number=row.number,
        user=owner,
        status=row.steps[-1].status,
        total=sum((item.line_total for item in items), Decimal(0)),
        version=len(row.steps),
        created_at=now - timedelta(minutes=row.steps[0].age_min),
    )


def _events(row: PlannedOrder, order: Order, staff: User, now: datetime) -> list[OrderEvent]:
    return [
        OrderEvent(
            order=order,
            actor=order.user if step.by_customer else staff,
            status=step.status,
            note=step.note,
            at=now - timedelta(minutes=step.age_min),
        )
        for step in row.steps
    ]
