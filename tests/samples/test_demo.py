"""The demo data: enough to look at, consistent, and the same at every load."""

import hashlib
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from django.contrib.auth.hashers import check_password
from django.db.models import F, Sum
from django.utils import timezone

from accounts.models import User
from catalog.models import Product
from orders.models import Order, OrderEvent, OrderItem
from orders.transitions import VERBS
from samples.demo import loading
from samples.demo.history import CUSTOMERS, plan
from samples.demo.loading import prepare
from samples.demo.pictures import SHADES
from tests.support.factories import make_product, make_user
from tests.support.images import FOLDERS, files_in, opened

pytestmark = pytest.mark.django_db


def test_empty_database_gets_a_shop_worth_looking_at():
    assert prepare("sesame") == (["staff", "customer"], True)

    assert Product.objects.count() == 216
    assert len(set(Product.objects.values_list("sku", flat=True))) == 216
    assert len({sku[:3] for sku in Product.objects.values_list("sku", flat=True)}) == 8
    assert not Product.objects.filter(description="").exists()
    assert Product.objects.filter(stock=0).count() >= 10
    assert Product.objects.filter(stock__range=(1, 5)).count() >= 10
    assert User.objects.filter(username__in=CUSTOMERS, email__endswith="@example.com").count() == 20
    assert Order.objects.count() == 186
    assert Order.objects.filter(user__username="customer").count() == 9


def test_lamps_have_images_of_their_own(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path / "media")
    prepare("sesame")

    names = list(Product.objects.exclude(image=None).order_by("sku").values_list("image", flat=True))

    assert list(Product.objects.exclude(image=None).order_by("sku").values_list("sku", flat=True)) == list(SHADES)
    assert files_in(tmp_path / "media") == sorted(f"{folder}/{name}" for folder in FOLDERS for name in names)
    assert opened((tmp_path / "media" / "images" / names[1]).read_bytes()).getpixel((320, 150)) == (0x8F, 0xA5, 0x8A)


def test_folder_that_can_not_be_written_leaves_the_images_out(settings, tmp_path):
    (tmp_path / "media").write_text("a file, no folder")
    settings.MEDIA_ROOT = str(tmp_path / "media")

    prepare("sesame")

    assert Product.objects.count() == 216
    assert not Product.objects.exclude(image=None).exists()


def test_demo_users_sign_in_with_the_password_and_customers_cannot():
    prepare("sesame")

    staff, customer = User.objects.get(username="staff"), User.objects.get(username="customer")
    assert (staff.is_superuser, staff.is_staff) == (True, True)
    assert (customer.is_superuser, customer.is_staff) == (False, False)
    assert check_password("sesame", staff.password)
    assert check_password("sesame", customer.password)
    assert not any(user.has_usable_password() for user in User.objects.filter(username__in=CUSTOMERS))


def test_every_status_is_there():
    prepare("sesame")

    statuses = Counter(Order.objects.values_list("status", flat=True))

    assert set(statuses) == set(Order.Status.values)
    assert min(statuses.values()) >= 3


def test_orders_add_up_and_their_lines_are_copies():
    prepare("sesame")

    for order in Order.objects.prefetch_related("items"):
        assert order.total == sum(item.line_total for item in order.items.all()) > 0
    for item in OrderItem.objects.select_related("product"):
        assert item.line_total == item.unit_price * item.quantity
        copied = item.name, item.sku, item.unit_price
        assert copied == (item.product.name, item.product.sku, item.product.price)
    assert OrderItem.objects.count() > 400


def test_stock_is_what_was_received_less_what_was_sold():
    prepare("sesame")
    received = {row.sku: row.received for row in plan()[0]}

    sold = dict(OrderItem.objects.exclude(order__status="cancelled").values_list("sku").annotate(units=Sum("quantity")))

    assert dict(Product.objects.values_list("sku", "stock")) == {
        sku: units - sold.get(sku, 0) for sku, units in received.items()
    }


def test_timelines_follow_the_transition_table():
    prepare("sesame")
    allowed = {(source, move.target) for move in VERBS.values() for source in move.sources}
    now = timezone.now()

    for order in Order.objects.prefetch_related("events"):
        events = list(order.events.all())
        statuses = [event.status for event in events]
        assert statuses[0] == "pending"
        assert set(pairwise(statuses)) <= allowed
        assert (statuses[-1], len(events)) == (order.status, order.version)
        assert events[0].at == order.created_at > order.user.created_at
        assert events[-1].at <= now


def test_products_are_older_than_their_first_order():
    prepare("sesame")

    assert not OrderItem.objects.filter(order__created_at__lt=F("product__created_at")).exists()
    assert Product.objects.filter(created_at__gt=timezone.now() - timedelta(days=40)).count() >= 5


def digest() -> str:
    """A hash of everything but ids, dates and passwords."""
    rows = [
        *Product.objects.order_by("sku").values_list("sku", "name", "description", "price", "stock", "version"),
        *User.objects.order_by("username").values_list("username", "email", "is_staff"),
        *Order.objects.order_by("number").values_list("number", "user__username", "status", "total", "version"),
        *OrderItem.objects.order_by("order__number", "sku").values_list("order__number", "sku", "quantity"),
        *OrderEvent.objects.order_by("order__number", "at").values_list("status", "actor__username", "note"),
    ]
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def test_two_loads_differ_in_their_dates_alone(monkeypatch):
    prepare("one")
    first, newest = digest(), Order.objects.first().created_at
    for model in (OrderEvent, OrderItem, Order, Product, User):
        model.objects.all().delete()
    later = timezone.now() + timedelta(days=10)
    monkeypatch.setattr(loading.timezone, "now", lambda: later)

    prepare("two")

    assert digest() == first
    assert timedelta(days=9, hours=23) < Order.objects.first().created_at - newest < timedelta(days=10, hours=1)


def test_second_preparation_changes_nothing():
    prepare("sesame")
    before = digest(), list(User.objects.values_list("password", flat=True))

    assert prepare("other") == ([], False)

    assert (digest(), list(User.objects.values_list("password", flat=True))) == before


@pytest.mark.parametrize("make", [make_product, make_user])
def test_database_in_use_gets_the_users_and_no_data(make):
    make()

    assert prepare("sesame") == (["staff", "customer"], False)

    assert Product.objects.count() + User.objects.count() == 3
    assert Order.objects.count() == 0


def test_load_that_fails_leaves_nothing(monkeypatch):
    def fail(*args):
        raise RuntimeError

    monkeypatch.setattr(loading, "_events", fail)

    with pytest.raises(RuntimeError):
        prepare("sesame")

    assert [model.objects.count() for model in (User, Product, Order, OrderItem)] == [0, 0, 0, 0]


def test_prices_are_money():
    prices = [product.price for product in plan()[0]]

    assert all(price == price.quantize(Decimal("0.01")) and price > 0 for price in prices)
    assert (min(prices), max(prices)) == (Decimal("2.40"), Decimal("189.00"))
