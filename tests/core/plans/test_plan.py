"""A plan shows every row as the serializer does, from tuples and from objects."""

import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from django.db.models import F
from django.test import RequestFactory
from rest_framework.request import Request
from rest_framework.serializers import SerializerMethodField

from accounts.models import User
from accounts.serializers import UserSerializer
from accounts.services import UserMessage
from catalog.models import MAX_PRICE, Product
from catalog.serializers import ProductDetailSerializer, ProductRowSerializer, ProductSerializer
from catalog.services import ProductMessage
from core.plans.plan import ReadPlan, Unplannable, plan_of
from core.protocols.rest.links import links_in
from core.protocols.rest.versions import VERSIONS, UrlOrAccept
from core.serializers import ShopModelSerializer, in_version
from core.validation.validators import MAX_INT32
from orders.models import Order, OrderItem
from orders.serializers import OrderRowSerializer, OrderSerializer
from orders.services import OrderMessage
from tests.support.factories import make_order, make_product, make_user

pytestmark = pytest.mark.django_db
SERIALIZERS = (
    ProductSerializer,
    ProductDetailSerializer,
    ProductRowSerializer,
    OrderSerializer,
    OrderRowSerializer,
    UserSerializer,
)
MESSAGES = (ProductMessage, OrderMessage, UserMessage)
NAMES = ("Tea", "Zoë", "ﬁne 🫖", "\"'<&>\\", "e\u0301", "Łódź", " " * 3 + "x", "名" * 200)
PRICES = (Decimal("0.01"), Decimal("0.10"), Decimal("9.99"), Decimal("1234567.89"), MAX_PRICE)


@pytest.fixture
def rows() -> None:
    """Rows with null, every script, extreme amounts, and moments with and without a fraction."""
    chance = random.Random(5)
    products = [make_product(name=name, price=chance.choice(PRICES), stock=MAX_INT32) for name in NAMES]
    products[0].sku, products[1].description = "A-1", "line\nline\t\u2028"
    for product in products[:2]:
        product.save()
    for number in range(6):
        user = make_user(username=f"ünsal-{number}") if number % 2 else None
        make_order(user, {product: chance.randint(1, 3) for product in chance.sample(products[:6], 3)})
    products[2].delete()
    start = datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC)
    for number, order in enumerate(Order.objects.all()):
        moment = start + timedelta(days=number, microseconds=number * 111_111)
        Order.objects.filter(pk=order.pk).update(created_at=moment)
    OrderItem.objects.filter(pk=OrderItem.objects.order_by("pk")[0].pk).update(sku=None, quantity=F("quantity"))


def request_in(version: str) -> Request:
    request = Request(RequestFactory().get("/"))
    request.version, request.versioning_scheme = version, UrlOrAccept()
    return request


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("first", SERIALIZERS)
def test_plan_and_serializer_show_the_same(rows, first, version):
    kind = in_version(version, first)
    plan, request = plan_of(kind), request_in(version)
    objects = list(kind.Meta.model.objects.order_by("pk"))
    expected = json.loads(orjson.dumps(kind(objects, many=True, context={"request": request}).data))

    tuples = kind.Meta.model.objects.order_by("pk").values_list(*plan.columns)
    links = links_in(request)

    assert len(objects) >= 3
    assert json.loads(orjson.dumps(plan.from_tuples(list(tuples), links))) == expected
    assert json.loads(orjson.dumps(plan.from_objects(objects, links))) == expected
    assert [list(row) for row in plan.from_tuples(list(tuples), links)] == [list(row) for row in expected]


@pytest.mark.parametrize("message", MESSAGES)
def test_plan_and_serializer_write_the_same_message(rows, message):
    plan = plan_of(message)
    objects = list(message.Meta.model.objects.order_by("pk"))
    expected = [message(each).message for each in objects]

    tuples = list(message.Meta.model.objects.order_by("pk").values_list(*plan.columns))

    assert len(objects) >= 3
    assert [message.Meta.proto_class(**values) for values in message.values_of_tuples(tuples)] == expected
    assert [message.of(each) for each in objects] == expected


def test_message_without_a_plan_is_written_by_its_serializer(rows):
    class Loud(ProductMessage):
        def to_representation(self, instance: Any) -> Any:
            return super().to_representation(instance) | {"name": instance.name.upper()}

    product = Product.objects.order_by("pk")[1]

    assert plan_of(Loud) is None
    assert Loud.of(product).name == product.name.upper()
    assert Loud.of(product).description == product.description


def test_no_serializer_of_the_shop_is_left_without_a_plan():
    assert all(plan_of(in_version(version, kind)) for kind in SERIALIZERS for version in VERSIONS)
    assert all(plan_of(message) for message in MESSAGES)


class Shouting(ShopModelSerializer):
    class Meta:
        model = Product
        fields = ("id", "name")

    def to_representation(self, instance: Any) -> Any:
        return {"name": instance.name.upper()}


class Counted(ShopModelSerializer):
    length = SerializerMethodField()

    class Meta:
        model = User
        fields = ("id", "length")

    def get_length(self, user: User) -> int:
        return len(user.username)


@pytest.mark.parametrize("kind", [Shouting, Counted])
def test_serializer_that_does_more_has_no_plan(kind, caplog):
    with pytest.raises(Unplannable):
        ReadPlan(kind)

    assert plan_of(kind) is None
    assert f"{kind.__name__} has no plan" in caplog.text
