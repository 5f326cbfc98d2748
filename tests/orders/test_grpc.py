"""Orders over gRPC."""

from decimal import Decimal

import pytest

from catalog.models import Product
from orders.models import Order
from protos import order_pb2 as pb
from tests.support.factories import make_order, make_product, make_user

pytestmark = pytest.mark.django_db


def line(product: Product, units: int) -> pb.OrderItemInput:
    return pb.OrderItemInput(product_id=product.pk, quantity=units)


def test_order_is_placed_with_the_products_as_they_are(rpc):
    user, tea = make_user(), make_product(name="Tea", price=Decimal("2.50"), sku="TEA", stock=10)
    pot = make_product(name="Pot", price=20, stock=1)
    client = rpc(user)

    placed = client.call("PlaceOrder", items=[line(pot, 1), line(tea, 1), line(tea, 2)]).order

    order = Order.objects.get()
    assert placed == pb.Order(
        id=order.pk,
        number=order.number,
        user_id=user.pk,
        status="pending",
        total=27.5,
        version=1,
        created_at=int(order.created_at.timestamp()),
        items=[
            pb.OrderItem(product_id=tea.pk, sku="TEA", name="Tea", unit_price=2.5, quantity=3, line_total=7.5),
            pb.OrderItem(product_id=pot.pk, name="Pot", unit_price=20.0, quantity=1, line_total=20.0),
        ],
    )
    assert list(Product.objects.order_by("pk").values_list("stock", flat=True)) == [7, 0]
    assert client.call("GetOrder", id=order.pk).order == placed


def test_more_than_there_is_is_refused_and_takes_nothing(rpc):
    plenty, short = make_product(stock=10), make_product(stock=2)

    refusal = rpc(make_user()).refusal("PlaceOrder", items=[line(plenty, 1), line(short, 3)])

    assert refusal[:3] == ("FAILED_PRECONDITION", f"Product {short.pk} has 2 left", "out_of_stock")
    assert refusal.facts == {"units_left": f'{{"{short.pk}": 2}}'}
    assert list(Product.objects.order_by("pk").values_list("stock", flat=True)) == [10, 2]
    assert not Order.objects.exists()


def test_basket_of_500_wrong_lines_is_still_an_answer(rpc):
    refusal = rpc(make_user()).refusal("PlaceOrder", items=[pb.OrderItemInput()] * 500)

    assert refusal.code == "INVALID_ARGUMENT"
    assert refusal.message.startswith("Valid product id is required")
    assert 10 < len(refusal.fields) < 1000


def test_list_costs_the_same_however_long_it_is(rpc, unlimited, django_assert_num_queries):
    user = make_user()
    for _ in range(4):
        make_order(user)
    client = rpc(user)
    client.call("ListOrders")

    with django_assert_num_queries(3):  # the caller, the orders, their lines
        assert len(client.call("ListOrders").orders) == 4
