"""Orders over gRPC."""

from decimal import Decimal

import pytest

from catalog.models import Product
from orders.models import Order
from protos import order_pb2 as pb
from tests.factories import make_order, make_product, make_staff, make_user

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


def test_order_is_readable_after_its_product_is_gone(rpc):
    user, product = make_user(), make_product(name="Tea")
    order = make_order(user, {product: 1})
    product.delete()

    item = rpc(user).call("GetOrder", id=order.pk).order.items[0]

    assert (item.HasField("product_id"), item.name, item.unit_price) == (False, "Tea", 9.99)


def test_guests_order_has_no_user(rpc):
    order = make_order()
    Order.objects.update(user=None)

    assert not rpc(make_staff()).call("GetOrder", id=order.pk).order.HasField("user_id")


def test_same_idempotency_key_gives_the_first_order_again(rpc):
    product, client = make_product(stock=5), rpc(make_user())
    key = {"idempotency-key": "once"}

    first = client.call("PlaceOrder", items=[line(product, 2)], metadata=key)
    second = client.call("PlaceOrder", items=[line(product, 2)], metadata=key)
    other = client.refusal("PlaceOrder", items=[line(product, 1)], metadata=key)

    assert first == second
    assert (other.code, other.reason) == ("ALREADY_EXISTS", "idempotency_mismatch")
    product.refresh_from_db()
    assert (Order.objects.count(), product.stock) == (1, 3)


def test_more_than_there_is_is_refused_and_takes_nothing(rpc):
    plenty, short = make_product(stock=10), make_product(stock=2)

    refusal = rpc(make_user()).refusal("PlaceOrder", items=[line(plenty, 1), line(short, 3)])

    assert refusal[:3] == ("FAILED_PRECONDITION", f"Product {short.pk} has 2 left", "out_of_stock")
    assert refusal.facts == {"units_left": f'{{"{short.pk}": 2}}'}
    assert list(Product.objects.order_by("pk").values_list("stock", flat=True)) == [10, 2]
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("items", "fields"),
    [
        ([], {"items"}),
        ([(0, 1)], {"items[0].product_id"}),
        ([(1, 0)], {"items[0].quantity"}),
        ([(-1, -1)], {"items[0].product_id", "items[0].quantity"}),
        ([(2**31 - 1, 1)], {"items"}),
    ],
)
def test_bad_basket_is_refused_by_field(rpc, items, fields):
    sent = [pb.OrderItemInput(product_id=pk, quantity=units) for pk, units in items]

    refusal = rpc(make_user()).refusal("PlaceOrder", items=sent)

    assert (refusal.code, refusal.reason, set(refusal.fields)) == ("INVALID_ARGUMENT", "invalid_input", fields)
    assert not Order.objects.exists()


def test_basket_of_500_wrong_lines_is_still_an_answer(rpc):
    refusal = rpc(make_user()).refusal("PlaceOrder", items=[pb.OrderItemInput()] * 500)

    assert refusal.code == "INVALID_ARGUMENT"
    assert refusal.message.startswith("Valid product id is required")
    assert 10 < len(refusal.fields) < 1000


def test_placing_needs_a_signed_in_user(rpc):
    product = make_product(stock=5)

    assert rpc().refusal("PlaceOrder", items=[line(product, 1)]).code == "UNAUTHENTICATED"
    assert not Order.objects.exists()


def test_order_of_another_is_as_one_that_does_not_exist(rpc):
    order = make_order()
    client = rpc(make_user())

    assert client.refusal("GetOrder", id=order.pk)[:3] == ("NOT_FOUND", f"Order {order.pk} not found", "not_found")
    assert client.refusal("GetOrder", id=0)[:3] == ("NOT_FOUND", "Order 0 not found", "not_found")
    assert rpc().refusal("GetOrder", id=order.pk).code == "UNAUTHENTICATED"
    assert rpc(make_staff()).call("GetOrder", id=order.pk).order.number == order.number


def test_list_is_of_ones_own_and_of_all_for_staff(rpc):
    user = make_user()
    mine = [make_order(user).pk for _ in range(2)]
    other = make_order()

    own, all_of_them = rpc(user).call("ListOrders"), rpc(make_staff()).call("ListOrders", page_size=2)

    assert [order.id for order in own.orders] == mine[::-1]
    assert (own.total, own.page, own.total_pages) == (2, 1, 1)
    assert [order.id for order in all_of_them.orders] == [other.pk, mine[1]]
    assert (all_of_them.total, all_of_them.total_pages) == (3, 2)


def test_list_is_narrowed_by_status(rpc):
    staff, orders = make_staff(), [make_order() for _ in range(2)]
    rpc(staff).call("PayOrder", id=orders[0].pk)

    assert [order.id for order in rpc(staff).call("ListOrders", status="paid").orders] == [orders[0].pk]
    assert list(rpc(staff).refusal("ListOrders", status="lost").fields) == ["status"]


def test_list_of_a_user_is_for_that_user_and_staff(rpc):
    user = make_user()
    order = make_order(user)

    for client in (rpc(user), rpc(make_staff())):
        assert [found.id for found in client.call("ListUserOrders", user_id=user.pk).orders] == [order.pk]
    assert rpc(make_user()).refusal("ListUserOrders", user_id=user.pk)[:2] == ("NOT_FOUND", f"User {user.pk} not found")
    assert rpc().refusal("ListUserOrders", user_id=user.pk).code == "UNAUTHENTICATED"


def test_list_costs_the_same_however_long_it_is(rpc, unlimited, django_assert_num_queries):
    user = make_user()
    for _ in range(4):
        make_order(user)
    client = rpc(user)
    client.call("ListOrders")

    with django_assert_num_queries(4):  # the caller, the count, the orders, their lines
        assert len(client.call("ListOrders").orders) == 4


def test_staff_takes_an_order_through_its_steps(rpc):
    order, client = make_order(), rpc(make_staff())

    steps = [client.call(verb, id=order.pk).order for verb in ("PayOrder", "ShipOrder", "DeliverOrder", "RefundOrder")]

    assert [(step.status, step.version) for step in steps] == [
        ("paid", 2),
        ("shipped", 3),
        ("delivered", 4),
        ("refunded", 5),
    ]
    refusal = client.refusal("CancelOrder", id=order.pk)
    assert (refusal.code, refusal.reason) == ("FAILED_PRECONDITION", "invalid_transition")
    order.refresh_from_db()
    assert order.status == "refunded"


def test_owner_cancels_and_the_stock_is_back(rpc):
    user, product = make_user(), make_product(stock=5)
    order = make_order(user, {product: 2})

    assert rpc(user).call("CancelOrder", id=order.pk).order.status == "cancelled"

    product.refresh_from_db()
    assert product.stock == 5


@pytest.mark.parametrize("verb", ["PayOrder", "ShipOrder", "DeliverOrder", "RefundOrder"])
def test_owner_moves_nothing_else(rpc, verb):
    user = make_user()
    order = make_order(user)

    assert rpc(user).refusal(verb, id=order.pk)[:3] == ("PERMISSION_DENIED", "Not permitted", "forbidden")
    assert rpc().refusal(verb, id=order.pk).code == "UNAUTHENTICATED"
    assert rpc(make_user()).refusal(verb, id=order.pk).code == "NOT_FOUND"
    order.refresh_from_db()
    assert (order.status, order.version) == ("pending", 1)
