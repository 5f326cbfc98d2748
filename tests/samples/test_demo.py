"""The demo data: enough to look at, and consistent."""

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
from orders.models import Order, OrderItem
from orders.transitions import VERBS
from samples.demo.history import CUSTOMERS, plan
from samples.demo.loading import prepare

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def demo(module_rows):
    assert prepare("sesame") == (["staff", "customer"], True)


def test_shop_is_worth_looking_at():
    assert Product.objects.count() == 216
    assert len(set(Product.objects.values_list("sku", flat=True))) == 216
    assert len({sku[:3] for sku in Product.objects.values_list("sku", flat=True)}) == 8
    assert not Product.objects.filter(description="").exists()
    assert Product.objects.filter(stock=0).count() >= 10
    assert Product.objects.filter(stock__range=(1, 5)).count() >= 10
    assert User.objects.filter(username__in=CUSTOMERS, email__endswith="@example.com").count() == 20
    assert Order.objects.count() == 186
    assert Order.objects.filter(user__username="customer").count() == 9


def test_demo_users_sign_in_with_the_password_and_customers_cannot():
    staff, customer = User.objects.get(username="staff"), User.objects.get(username="customer")
    assert (staff.is_superuser, staff.is_staff) == (True, True)
    assert (customer.is_superuser, customer.is_staff) == (False, False)
    assert check_password("sesame", staff.password)
    assert check_password("sesame", customer.password)
    assert not any(user.has_usable_password() for user in User.objects.filter(username__in=CUSTOMERS))


def test_every_status_is_there():
    statuses = Counter(Order.objects.values_list("status", flat=True))

    assert set(statuses) == set(Order.Status.values)
    assert min(statuses.values()) >= 3


def test_orders_add_up_and_their_lines_are_copies():
    for order in Order.objects.prefetch_related("items"):
        assert order.total == sum(item.line_total for item in order.items.all()) > 0
    for item in OrderItem.objects.select_related("product"):
        assert item.line_total == item.unit_price * item.quantity
        copied = item.name, item.sku, item.unit_price
        assert copied == (item.product.name, item.product.sku, item.product.price)
    assert OrderItem.objects.count() > 400


def test_stock_is_what_was_received_less_what_was_sold():
    received = {row.sku: row.received for row in plan()[0]}

    sold = dict(OrderItem.objects.exclude(order__status="cancelled").values_list("sku").annotate(units=Sum("quantity")))

    assert dict(Product.objects.values_list("sku", "stock")) == {
        sku: units - sold.get(sku, 0) for sku, units in received.items()
    }


def test_timelines_follow_the_transition_table():
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
    assert not OrderItem.objects.filter(order__created_at__lt=F("product__created_at")).exists()
    assert Product.objects.filter(created_at__gt=timezone.now() - timedelta(days=40)).count() >= 5


def test_prices_are_money():
    prices = [product.price for product in plan()[0]]

    assert all(price == price.quantize(Decimal("0.01")) and price > 0 for price in prices)
    assert (min(prices), max(prices)) == (Decimal("2.40"), Decimal("189.00"))
