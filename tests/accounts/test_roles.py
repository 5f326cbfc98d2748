"""Roles: groups that limit what staff may write, the same in every protocol and in the admin."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import grpc
import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from catalog.models import Product
from core.permissions import StaffRole, has_role, is_unlimited_staff
from orders.models import Order
from tests.support.api import Api
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.graph import Graph
from tests.webhooks.hooks import make_endpoint
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db


def member(*roles: StaffRole, **fields: Any) -> User:
    user = make_staff(**fields)
    user.groups.set([Group.objects.get_or_create(name=role)[0] for role in roles])
    return User.objects.get(pk=user.pk)


def pays(user: User, rpc: Callable[..., Any], client: Client) -> list[bool]:
    """Return whether the user can pay an order over REST, GraphQL, gRPC and in the admin."""
    orders = [make_order() for _ in range(4)]
    Api(user).post(f"/orders/{orders[0].pk}/pay")
    Graph(user).send("mutation ($id: Int!) { payOrder(id: $id) { order { status } } }", {"id": orders[1].pk})
    caller = rpc(user)
    with suppress(grpc.RpcError):
        caller.call("PayOrder", id=orders[2].pk)
    client.force_login(user)
    client.post(f"/admin/orders/order/{orders[3].pk}/move/", {"verb": "pay"})
    return [Order.objects.get(pk=order.pk).status == "paid" for order in orders]


def prices(user: User, rpc: Callable[..., Any], client: Client) -> list[bool]:
    """Return whether the user can change a price over REST, GraphQL, gRPC and in the admin."""
    products = [make_product() for _ in range(4)]
    Api(user).patch(f"/products/{products[0].pk}", {"price": 5})
    mutation = "mutation ($id: Int!) { updateProduct(id: $id, price: 5) { product { name } } }"
    Graph(user).send(mutation, {"id": products[1].pk})
    caller = rpc(user)
    with suppress(grpc.RpcError):
        caller.call("UpdateProduct", id=products[2].pk, price=5)
    client.force_login(user)
    page = f"/admin/catalog/product/{products[3].pk}/change/"
    fields = {
        "name": "Mug",
        "sku": "",
        "description": "",
        "price": "5.00",
        "stock": "10",
        "reorder_level": "5",
        "version_read": "1",
    }
    initial = {f"initial-{name}": value for name, value in fields.items()} | {"initial-price": "9.99"}
    client.post(page, fields | initial)
    return [Product.objects.get(pk=product.pk).price == 5 for product in products]


@pytest.mark.parametrize(
    ("roles", "may_pay", "may_price"),
    [
        ((), True, True),
        ((StaffRole.ORDERS,), True, False),
        ((StaffRole.CATALOGUE,), False, True),
        ((StaffRole.READ_ONLY,), False, False),
        ((StaffRole.ORDERS, StaffRole.CATALOGUE), True, True),
    ],
)
def test_role_decides_what_staff_may_write_everywhere(
    rpc: Callable[..., Any], client: Client, roles: tuple[StaffRole, ...], may_pay: bool, may_price: bool
) -> None:
    user = member(*roles)

    assert pays(user, rpc, client) == [may_pay] * 4
    assert prices(user, rpc, client) == [may_price] * 4


def test_no_role_limits_a_superuser_and_no_role_makes_a_customer_staff() -> None:
    boss, customer = member(StaffRole.READ_ONLY, is_superuser=True), make_user()
    customer.groups.add(Group.objects.get_or_create(name=StaffRole.ORDERS)[0])

    assert has_role(boss, StaffRole.ORDERS)
    assert is_unlimited_staff(boss)
    assert not has_role(customer, StaffRole.ORDERS)


@pytest.mark.parametrize("page", ["their own", "a colleague's"])
def test_roles_that_staff_can_not_change_are_shown_by_name(client: Client, page: str) -> None:
    reader, colleague = (make_user(is_staff=True) for _ in range(2))
    shown = reader if page == "their own" else colleague
    shown.groups.set([Group.objects.get_or_create(name=StaffRole.ORDERS)[0]])
    client.force_login(reader)

    text = client.get(f"/admin/accounts/user/{shown.pk}/change/").content.decode()

    assert "Roles" in text
    assert StaffRole.ORDERS in text
    assert "The groups this user belongs to" not in text


def test_other_groups_are_no_roles() -> None:
    user = make_staff()
    user.groups.add(Group.objects.create(name="Friends"))

    assert is_unlimited_staff(user)


@pytest.mark.parametrize("role", StaffRole)
def test_every_role_may_read_orders_products_and_customers(client: Client, role: StaffRole) -> None:
    user, order = member(role), make_order()
    client.force_login(user)

    for path in ("orders/order/", f"orders/order/{order.pk}/change/", "catalog/product/", "accounts/user/", ""):
        assert client.get(f"/admin/{path}").status_code == 200
    assert Api(user).get(f"/orders/{order.pk}").status_code == 200


def test_who_only_reads_is_offered_no_writes(client: Client) -> None:
    order, product = make_order(), make_product()
    client.force_login(member(StaffRole.READ_ONLY))

    assert 'name="verb"' not in client.get(f"/admin/orders/order/{order.pk}/change/").content.decode()
    assert "form-0-price" not in client.get("/admin/catalog/product/").content.decode()
    for path in (f"catalog/product/{product.pk}/delete/", "catalog/product/import/", "webhooks/endpoint/"):
        assert client.get(f"/admin/{path}").status_code == 403


def test_only_superusers_grant_roles(client: Client) -> None:
    clerk, role = make_staff(), Group.objects.get_or_create(name=StaffRole.ORDERS)[0]
    page = f"/admin/accounts/user/{clerk.pk}/change/"
    fields = {
        "username": clerk.username,
        "email": clerk.email,
        "is_active": "on",
        "is_staff": "on",
        "groups": [role.pk],
    }
    client.force_login(make_staff())
    client.post(page, fields)
    assert User.objects.get(pk=clerk.pk).role_names == frozenset()

    client.force_login(make_staff(is_superuser=True))
    client.post(page, fields)

    assert User.objects.get(pk=clerk.pk).role_names == {"orders"}


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("post", "/admin/catalog/product/change-prices/", {"percent": "5", "product": "{product}:1", "apply": "1"}),
        ("get", "/admin/catalog/product/change-prices/undo/", {}),
        ("get", "/admin/catalog/product/import/7/", {}),
        ("post", "/admin/orders/order/move-many/", {"verb": "pay", "order": "{order}"}),
        ("post", "/admin/webhooks/endpoint/{endpoint}/do/", {"verb": "switch_off"}),
        ("post", "/admin/webhooks/delivery/7/again/", {}),
    ],
)
def test_who_only_reads_is_refused_where_no_button_is_shown(
    client: Client, method: str, path: str, fields: dict[str, str]
) -> None:
    product, order, endpoint = make_product(price=4), make_order(), make_endpoint("https://a.example")
    ids = {"product": product.pk, "order": order.pk, "endpoint": endpoint.pk}
    client.force_login(member(StaffRole.READ_ONLY))

    filled = {name: value.format(**ids) for name, value in fields.items()}
    response = getattr(client, method)(path.format(**ids), filled)

    assert response.status_code == 403
    assert Product.objects.get(pk=product.pk).price == 4
    assert Order.objects.get().status == "pending"
    assert Endpoint.objects.get().is_active


def test_user_who_is_not_stored_has_no_role() -> None:
    assert User(is_staff=True).role_names == frozenset()
