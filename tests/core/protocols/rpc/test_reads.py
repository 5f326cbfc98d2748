"""Compiled reads give the rows, totals and cursors that querysets give."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from accounts.filters import UserFilter
from accounts.querysets import BY_ID
from accounts.services import AccountService
from catalog.filters import ProductFilter
from catalog.models import Product
from catalog.querysets import SORT_KEYS
from catalog.services import ProductMessage, ProductService
from core.errors import InvalidInput, NotFound
from core.lists.keyset import NEWEST_FIRST, Sort
from core.protocols.rpc.pages import CompiledRows, ListedRows, PageRequest, QuerysetRows, found_by, list_response
from core.protocols.rpc.service import Service
from orders.filters import OF_USER, OrderFilter, UserOrderFilter
from orders.services import OrderMessage, OrderService
from protos.account_pb2 import GetUserRequest, ListUsersRequest, ListUsersResponse
from protos.order_pb2 import (
    GetOrderRequest,
    ListOrdersRequest,
    ListOrdersResponse,
    ListUserOrdersRequest,
    ListUserOrdersResponse,
)
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
    callers = {
        "customer": make_user(username="reader", email="reader@example.com"),
        "staff": make_staff(),
        "stranger": AnonymousUser(),
    }
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


PRODUCTS, ORDERS = ListProductsRequest, ListOrdersRequest
FILTERED = [
    *((ProductService, PRODUCTS(**given), ListProductsResponse, Sort("price"), ProductFilter) for given in (
        {"q": "ZOË 1"}, {"q": "zoë", "in_stock": True}, {"q": "none"}, {"max_price": 9.99, "q": "z"},
        {"min_price": 9.99}, {"min_price": 1, "max_price": 10}, {"low_stock": False}, {"in_stock": False},
        {"category": "nothing"}, {"sku": "none"}, {"q": "", "category": ""},
    )),
    *((OrderService, ORDERS(**given), ListOrdersResponse, NEWEST_FIRST, OrderFilter) for given in (
        {"status": "pending"}, {"status": "paid"}, {"created_from": "2026-01-02"}, {"created_to": "2026-01-02"},
        {"status": "pending", "created_from": "0001-01-01", "created_to": "9999-12-31"},
        {"email": "READER@example.com"}, {"email": "none", "status": "pending"}, {"number": "#n-1"},
    )),
    *((AccountService, ListUsersRequest(**given), ListUsersResponse, BY_ID, UserFilter) for given in (
        {"email": "READER@example.com"}, {"username": "\uff32EADER"}, {"username": "none", "email": "none"},
    )),
]  # fmt: skip


@pytest.mark.parametrize("caller", ["customer", "staff"])
@pytest.mark.parametrize(("kind", "request_", "response", "sort", "filterset"), FILTERED)
def test_compiled_list_gives_the_pages_of_its_filters(callers, kind, request_, response, sort, filterset, caller):
    service = service_of(kind, callers[caller], request_)
    found = QuerysetRows(found_by(filterset, request_, service.get_queryset()), kind.serializer_class)

    listed = service.listed(filterset)

    assert isinstance(listed, CompiledRows)
    assert list(pages(listed, response, sort)) == list(pages(found, response, sort))


@pytest.mark.parametrize(
    ("kind", "request_", "filterset"),
    [
        (ProductService, PRODUCTS(min_price=0.001, category="x" * 101), ProductFilter),
        (OrderService, ORDERS(status="lost", created_from="today"), OrderFilter),
    ],
)
def test_invalid_filters_are_refused_as_by_the_queryset(callers, kind, request_, filterset):
    service = service_of(kind, callers["staff"], request_)
    with pytest.raises(InvalidInput) as expected:
        found_by(filterset, request_, service.get_queryset())

    with pytest.raises(InvalidInput) as refused:
        service.listed(filterset)

    assert refused.value.fields == expected.value.fields
    assert len(refused.value.fields) == 2


def test_filter_without_a_compiled_form_reads_by_the_queryset(callers, monkeypatch):
    monkeypatch.setattr(OrderFilter, "bound", UserOrderFilter.bound)
    service = service_of(OrderService, callers["staff"], ORDERS(email="nobody@example.com", status="pending"))

    assert isinstance(listed := service.listed(OrderFilter), QuerysetRows)
    assert listed.total() == 0


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


@pytest.mark.parametrize("filters", [{}, {"status": "paid"}, {"created_from": "2026-01-02", "status": "pending"}])
@pytest.mark.parametrize("caller", ["customer", "staff"])
def test_compiled_list_of_a_user_gives_the_pages_of_the_users_rows(callers, caller, filters):
    owner = callers["customer"]
    service = service_of(OrderService, callers[caller], ListUserOrdersRequest(user_id=owner.pk, **filters))
    rows = found_by(UserOrderFilter, service.request, service.get_queryset().filter(user=owner))

    listed = service.listed(UserOrderFilter, OF_USER, owner.pk)

    assert isinstance(listed, CompiledRows)
    found = list(pages(listed, ListUserOrdersResponse, NEWEST_FIRST))
    assert found == list(pages(QuerysetRows(rows, OrderMessage), ListUserOrdersResponse, NEWEST_FIRST))
    assert found[0].total == (0 if filters.get("status") == "paid" else 3)


def test_list_of_a_user_without_a_compiled_form_reads_by_the_queryset(callers, monkeypatch):
    monkeypatch.setattr(UserOrderFilter, "bound", frozenset())
    request = ListUserOrdersRequest(user_id=callers["customer"].pk, status="pending")
    service = service_of(OrderService, callers["staff"], request)

    listed = service.listed(UserOrderFilter, OF_USER, request.user_id)

    assert isinstance(listed, QuerysetRows)
    assert listed.total() == 3
