"""Loading the demo data: the same each time, whole or not at all, and only into an empty shop."""

import hashlib
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from catalog.models import Product
from orders.models import Order, OrderEvent, OrderItem
from samples.demo import loading
from samples.demo.loading import prepare
from samples.demo.pictures import SHADES
from tests.support.factories import make_product, make_user
from tests.support.images import FOLDERS, files_in, opened

pytestmark = pytest.mark.django_db


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


@pytest.mark.long
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
