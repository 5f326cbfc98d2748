"""Compiled reads give the rows, totals and cursors that querysets give."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from accounts.querysets import BY_ID
from accounts.services import AccountService
from catalog.models import Product
from catalog.querysets import SORT_KEYS
from catalog.services import ProductMessage, ProductService
from core.errors import NotFound
from core.lists.keyset import NEWEST_FIRST, Sort
from core.protocols.rpc.pages import CompiledRows, ListedRows, PageRequest, QuerysetRows, list_response
from core.protocols.rpc.service import Service
from orders.services import OrderService
from protos.account_pb2 import GetUserRequest, ListUsersRequest, ListUsersResponse
from protos.order_pb2 import GetOrderRequest, ListOrdersRequest, ListOrdersResponse
from protos.product_pb2 import GetProductRequest, ListProductsRequest, ListProductsResponse
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.rpc import Clients

pytestmark = pytest.mark.django_db
SORTS = [Sort(key, descending) for key in SORT_KEYS for descending in (False, True)]
LISTS = [
    *((ProductService, ListProductsRequest, ListProductsResponse, sort) for sort in SORTS),
    (OrderService, ListOrdersRequest, ListOrdersResponse, NEWEST_FIRST),
    (AccountService, ListUsersRequest, ListUsersResponse, BY_ID),
]


@pytest.fixture
def callers() -> dict[str, Any]:
    """A shop with ties in every column, and its callers."""
    callers = {"customer": make_user(), "staff": make_staff(), "stranger": AnonymousUser()}
    prices = (Decimal("0.10"), Decimal("9.99"), Decimal("9.99"), Decimal("1234567.89"))
    products = [make_product(name=f"Zoë {n % 3} 🫖", price=prices[n % 4], stock=n % 2 + 20) for n in range(9)]
    for number in range(7):
        make_order((callers["customer"], callers["staff"], None)[number % 3], {products[number]: 1, products[8]: 2})
    Product.objects.filter(pk__gt=products[4].pk).update(created_at=products[0].created_at)
    return callers


def service_of(kind: type[Service], caller: Any, request: Any) -> Service:
    service = kind()
    service.caller, service.request = caller, request
    return service


def pages(listed: ListedRows, response: Any, sort: Sort) -> Iterator[Any]:
    """Yield all pages, past the end too, by number and then by cursor."""
    for page in range(1, 7):
        yield list_response(response, listed, sort, PageRequest(page, 2))
    place: str | None = None
    while True:
        answer = list_response(response, listed, sort, PageRequest(1, 2, place, "mark"))
        yield answer
        if not answer.next_cursor:
            return
        place = answer.next_cursor.removesuffix(".mark")


@pytest.mark.parametrize("caller", ["customer", "staff"])
@pytest.mark.parametrize(("kind", "request_class", "response", "sort"), LISTS)
def test_compiled_list_gives_the_pages_of_its_queryset(callers, kind, request_class, response, sort, caller):
    service = service_of(kind, callers[caller], request_class())

    listed = service.listed()

    assert isinstance(listed, CompiledRows)
    expected = list(pages(QuerysetRows(service.get_queryset(), kind.serializer_class), response, sort))
    assert list(pages(listed, response, sort)) == expected
    assert expected[0].total >= 1


@pytest.mark.parametrize("caller", ["customer", "staff", "stranger"])
def test_compiled_row_is_the_row_that_the_caller_may_see(callers, caller):
    for kind, request_class in (
        (ProductService, GetProductRequest),
        (OrderService, GetOrderRequest),
        (AccountService, GetUserRequest),
    ):
        if not kind.queryset.readers(callers[caller]):
            continue
        for pk in [*kind.queryset.model.objects.values_list("pk", flat=True), 0, -1, 2**31 - 1]:
            service = service_of(kind, callers[caller], request_class(id=pk))
            try:
                expected = kind.serializer_class(service.get_object()).message
            except NotFound as refusal:
                with pytest.raises(type(refusal), match=str(refusal)):
                    service.found()
            else:
                assert kind.serializer_class.Meta.proto_class(**service.found()) == expected


def test_filtered_list_is_read_by_its_filters(rpc: Clients):
    for name in ("Tea", "Green tea", "Cup"):
        make_product(name=name, stock=5)

    assert rpc().call("ListProducts", q="tea").total == 2
    assert rpc().call("ListProducts", in_stock=False).total == 0
    assert rpc().call("ListProducts").total == 3


def test_service_whose_message_has_no_plan_reads_by_its_queryset(callers, monkeypatch):
    class Loud(ProductMessage):
        def to_representation(self, instance: Any) -> Any:
            return super().to_representation(instance) | {"name": "LOUD"}

    monkeypatch.setattr(ProductService, "serializer_class", Loud)
    product = Product.objects.first()
    one = service_of(ProductService, callers["stranger"], GetProductRequest(id=product.pk))
    many = service_of(ProductService, callers["stranger"], ListProductsRequest())

    listed = many.listed()

    assert (one.found()["id"], one.found()["name"]) == (product.pk, "LOUD")
    assert isinstance(listed, QuerysetRows)
    assert isinstance(listed.queryset, QuerySet)
    answer = list_response(ListProductsResponse, listed, NEWEST_FIRST, PageRequest(1, 4))
    assert ({row.name for row in answer.products}, answer.total) == ({"LOUD"}, 9)


def test_reads_need_few_statements(callers, django_assert_num_queries):
    customer, stranger = callers["customer"], callers["stranger"]
    product, order = Product.objects.first(), customer.orders.first()
    orders = service_of(OrderService, customer, ListOrdersRequest())
    products = service_of(ProductService, stranger, ListProductsRequest())

    with django_assert_num_queries(1):
        service_of(ProductService, stranger, GetProductRequest(id=product.pk)).found()
    with django_assert_num_queries(2):  # the order, its lines
        service_of(OrderService, customer, GetOrderRequest(id=order.pk)).found()
    with django_assert_num_queries(2):  # the orders, their lines
        list_response(ListOrdersResponse, orders.listed(), NEWEST_FIRST, PageRequest(1, 20))
    with django_assert_num_queries(3):  # and the number of orders, which a full page does not tell
        list_response(ListOrdersResponse, orders.listed(), NEWEST_FIRST, PageRequest(1, 2))
    with django_assert_num_queries(1):  # the products with their number
        list_response(ListProductsResponse, products.listed(), NEWEST_FIRST, PageRequest(1, 2))
