"""Every protocol has the same fields and filters, or a table here states why not.

`Place.differs` names each difference and its reason: a name in it is missing from the place, or is there alone. A stale
entry fails too.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from inspect import signature
from typing import Any

import pytest
from django.contrib import admin
from graphene.utils.str_converters import to_snake_case
from graphql import GraphQLObjectType

from accounts.actions import register_user
from accounts.models import User
from accounts.querysets import SORT_KEYS as USER_SORT_KEYS
from accounts.serializers import (
    CredentialsSerializer,
    RefreshSerializer,
    RegistrationSerializer,
    TokenPairSerializer,
    UserSerializer,
)
from catalog.actions import WRITABLE
from catalog.categories import WRITABLE_OF_CATEGORY
from catalog.feed import product_facts
from catalog.filters import ProductFilter
from catalog.models import Category, Product, ProductHistory
from catalog.querysets import SORT_KEYS
from catalog.serializers import (
    CategorySerializer,
    ProductChangeSerializer,
    ProductHistorySerializer,
    ProductReplacementSerializer,
    ProductSerializer,
)
from core.history.serializers import FieldChangeSerializer
from core.models import Event
from core.protocols.graph.served_schema import served_schema
from ecommerce.urls import grpc_services
from orders.feed import order_facts
from orders.models import Order, OrderHistory, OrderItem
from orders.serializers import (
    OrderHistorySerializer,
    OrderItemSerializer,
    OrderSerializer,
)
from protos import account_pb2, order_pb2, product_pb2, report_pb2
from tests.support.live import ROOT
from tests.support.price_fields import PRICE_FIELDS
from tests.support.protocol_filters import FILTERS, TARGET
from tests.support.protocol_inputs import ORDER_INPUTS, PRODUCT_INPUTS
from tests.support.protocol_names import (
    LINKS,
    PK,
    Names,
    Place,
    admin_page,
    as_arguments,
    columns,
    component,
    document,
    in_graphql,
    in_openapi,
    in_proto,
    inputs,
    outputs,
)
from tests.support.report_fields import REPORT_FIELDS

pytestmark = pytest.mark.same_everywhere

# -- The reasons that many places share -------------------------------------------------------------------------
REPEAT = {"version": "the version that the change is based on"}
FOLDED = {"name_folded": "made from the name, for searches"}
EVENT = Event(1, "product", "updated", 7, None, Decimal("6.50"), 3, None, datetime(2026, 11, 22, tzinfo=UTC))
CURSOR = {"cursor": "the place in the stream; SSE sends it as `id:`"}
REFUSED = dict.fromkeys(("error_code", "error_message", "retry_after"), "for the sender of a refused price")
AT = {"at": "a DateTime in GraphQL", "timestamp": "named at"}

# -- The tables: the names, and the places that have them -------------------------------------------------------

FIELDS: dict[str, tuple[Callable[[], Names], list[Place]]] = {
    "a product": (
        lambda: outputs(ProductSerializer),
        [
            Place("columns", lambda: columns(Product), FOLDED | {"thumbnail": "has the name of the image"}),
            in_graphql("Product", **PK),
            in_proto(product_pb2.Product),
            *in_openapi("ProductDetail", **LINKS),
            Place(
                "admin page",
                lambda: admin_page(Product, Product(pk=1)),
                {
                    "id": "in the page's address",
                    "image": "shown as image_file",
                    "image_file": "the image, to see and to replace",
                    "thumbnail": "in the list",
                    "version": "shown as version_read",
                    "version_read": "the version, with a hidden input",
                    "created_at": "shown as created",
                    "updated_at": "shown as changed",
                    "created": "created_at in words",
                    "changed": "updated_at in words",
                },
            ),
        ],
    ),
    "a product to add": (
        lambda: WRITABLE,
        [
            Place("ProductSerializer", lambda: inputs(ProductSerializer)),
            as_arguments("createProduct"),
            in_graphql("ProductInput"),
            in_proto(product_pb2.CreateProductRequest),
            *in_openapi("ProductRequest"),
            Place("admin page", lambda: admin_page(Product), {"image_file": "an action of its own in the APIs"}),
        ],
    ),
    "a change of a product": (
        lambda: WRITABLE,
        [
            Place("ProductChangeSerializer", lambda: inputs(ProductChangeSerializer), REPEAT),
            Place("ProductReplacementSerializer", lambda: inputs(ProductReplacementSerializer), REPEAT),
            as_arguments("updateProduct", **TARGET, expected_version="the version that the change is based on"),
            in_proto(
                product_pb2.UpdateProductRequest, **TARGET, expected_version="the version that the change is based on"
            ),
            *in_openapi("PatchedProductChangeRequest", **REPEAT),
            *in_openapi("ProductReplacementRequest", **REPEAT),
        ],
    ),
    "a category": (
        lambda: outputs(CategorySerializer),
        [
            Place("columns", lambda: columns(Category)),
            in_graphql("Category", **PK),
            in_proto(product_pb2.Category),
            *in_openapi("Category", **LINKS),
            Place("admin page", lambda: admin_page(Category, Category(pk=1)), {"id": "in the page's address"}),
        ],
    ),
    "a category to add": (
        lambda: WRITABLE_OF_CATEGORY,
        [
            Place("CategorySerializer", lambda: inputs(CategorySerializer)),
            as_arguments("createCategory"),
            in_proto(product_pb2.CreateCategoryRequest),
            *in_openapi("CategoryRequest"),
        ],
    ),
    "a change of a category": (
        lambda: WRITABLE_OF_CATEGORY,
        [
            as_arguments("updateCategory", id="names the category; in the path in REST"),
            in_proto(product_pb2.UpdateCategoryRequest, id="names the category; in the path in REST"),
            *in_openapi("PatchedCategoryRequest"),
        ],
    ),
    "an order": (
        lambda: outputs(OrderSerializer),
        [
            Place("columns", lambda: columns(Order), {"items": "a table of its own"}),
            in_graphql("Order", **PK, user="the type User, within one request"),
            in_proto(order_pb2.Order),
            *in_openapi("Order", **LINKS),
            Place(
                "admin page",
                lambda: admin_page(Order, Order(pk=1)),
                {
                    "id": "in the page's address",
                    "version": "changes only by verbs, which need none",
                    "items": "a table below the fields",
                    "user_id": "shown as customer",
                    "email": "the user's e-mail",
                    "customer": "the user's name",
                    "status": "shown as state",
                    "state": "the status in words",
                    "created_at": "shown as placed",
                    "placed": "created_at in words",
                    "total": "shown as sum",
                    "sum": "the total with its currency",
                },
            ),
        ],
    ),
    "a line of an order": (
        lambda: outputs(OrderItemSerializer),
        [
            Place(
                "columns",
                lambda: columns(OrderItem),
                {
                    "id": "a line is addressed by its order",
                    "order_id": "a line is shown in its order",
                    "former_product_id": "product_id has it after the product is deleted",
                },
            ),
            in_graphql("OrderItem", **PK, id="every Node has one", product="the type Product, within one request"),
            in_proto(order_pb2.OrderItem),
            *in_openapi("OrderItem"),
            Place(
                "admin table",
                lambda: admin.site._registry[Order].inlines[0].fields,
                {
                    "product_id": "shown as product_name",
                    "name": "shown as product_name",
                    "product_name": "a link to the product",
                    "sku": "shown as item_sku",
                    "item_sku": "the SKU, or a dash",
                    "quantity": "shown as units",
                    "units": "the quantity",
                    "unit_price": "shown as price",
                    "price": "the unit price with its currency",
                    "line_total": "shown as line_sum",
                    "line_sum": "the line total with its currency",
                },
            ),
        ],
    ),
    "a past change of a product": (
        lambda: outputs(ProductHistorySerializer),
        [
            Place("columns", lambda: columns(ProductHistory), {"product_id": "in the path"}),
            in_graphql("ProductHistory", **PK),
            in_proto(product_pb2.ProductHistory),
            *in_openapi("ProductHistory"),
        ],
    ),
    "a past change of an order": (
        lambda: outputs(OrderHistorySerializer),
        [
            Place("columns", lambda: columns(OrderHistory), {"order_id": "in the path"}),
            in_graphql("OrderHistory", **PK),
            in_proto(order_pb2.OrderHistory),
            *in_openapi("OrderHistory"),
        ],
    ),
    "a field of a past change": (
        lambda: outputs(FieldChangeSerializer),
        [
            in_graphql("FieldChange"),
            in_proto(product_pb2.FieldChange),
            in_proto(order_pb2.OrderFieldChange),
            *in_openapi("FieldChange"),
        ],
    ),
    **PRODUCT_INPUTS,
    **ORDER_INPUTS,
    "a user": (
        lambda: outputs(UserSerializer),
        [
            Place(
                "columns",
                lambda: columns(User),
                {
                    "password": "never leaves the server",
                    "username_folded": "made from the name, for sign-ins",
                    "last_login": "about the admin alone",
                    "is_active": "for staff, in the admin",
                    "is_staff": "for staff, in the admin",
                    "is_superuser": "for staff, in the admin",
                },
            ),
            in_graphql("User", **PK, orders="the type Order", orders_connection="the same in pages"),
            in_proto(account_pb2.User),
            *in_openapi("User", **LINKS),
            Place(
                "admin page",
                lambda: admin_page(User, User(pk=2)),
                {
                    "id": "in the page's address",
                    "created_at": "shown as joined",
                    "joined": "created_at in words",
                    "seen": "the last sign-in to the admin",
                    "password": "a link to the form that sets it",
                    "is_active": "for staff, in the admin",
                    "is_staff": "for staff, in the admin",
                    "is_superuser": "for staff, in the admin",
                    "groups": "the roles of staff, for superusers",
                },
            ),
        ],
    ),
    "a registration": (
        lambda: inputs(RegistrationSerializer),
        [
            Place("register_user", lambda: signature(register_user).parameters),
            as_arguments("registerUser"),
            in_proto(account_pb2.RegisterUserRequest),
            *in_openapi("RegistrationRequest"),
            Place(
                "admin page",
                lambda: admin_page(User),
                {
                    "password": "asked twice",
                    "password1": "the password",
                    "password2": "the password again",
                    "is_staff": "for superusers, in the admin",
                    "is_superuser": "for superusers, in the admin",
                },
            ),
        ],
    ),
    "a sign-in": (
        lambda: inputs(CredentialsSerializer),
        [
            as_arguments("obtainToken"),
            in_proto(account_pb2.ObtainTokenRequest),
            *in_openapi("CredentialsRequest"),
        ],
    ),
    "a refresh token": (
        lambda: inputs(RefreshSerializer),
        [
            as_arguments("refreshToken"),
            as_arguments("revokeToken"),
            in_proto(account_pb2.RefreshTokenRequest),
            in_proto(account_pb2.RevokeTokenRequest),
            *in_openapi("RefreshRequest"),
        ],
    ),
    "a pair of tokens": (
        lambda: outputs(TokenPairSerializer),
        [
            in_graphql("ObtainToken"),
            in_graphql("RefreshToken"),
            in_proto(account_pb2.ObtainTokenResponse),
            in_proto(account_pb2.RefreshTokenResponse),
            *in_openapi("TokenPair"),
        ],
    ),
    "an event of a product": (
        lambda: product_facts(EVENT),
        [
            in_graphql("ProductUpdate", **CURSOR, **AT, product="the type Product"),
            in_proto(product_pb2.ProductUpdate, **CURSOR, **REFUSED),
        ],
    ),
    "an event of an order": (
        lambda: order_facts(EVENT),
        [in_graphql("OrderUpdate", **CURSOR, **AT, order="the type Order", user_id="in the type Order")],
    ),
    "a refused row of a batch": (
        lambda: ("index", "code", "message", "fields"),
        [
            in_graphql("BatchError"),
            in_proto(product_pb2.BatchCreateFailure),
            in_proto(order_pb2.BatchMoveFailure),
            Place(
                "OpenAPI v1 BatchRow",
                lambda: component("v1", "BatchRow"),
                {
                    "message": "named error, as in every refusal",
                    "error": "the message",
                    "fields": "named errors, as in every refusal",
                    "errors": "the fields",
                    "status": "the HTTP status",
                    "id": "of a created row",
                    "url": "of a created row",
                },
            ),
        ],
    ),
    **PRICE_FIELDS,
    **REPORT_FIELDS,
}


def cases(tables: dict[str, tuple[Callable[[], Names], list[Place]]]) -> list[Any]:
    return [
        pytest.param(names, place, id=f"{thing} in {place.where}")
        for thing, (names, places) in tables.items()
        for place in places
    ]


@pytest.mark.parametrize(("names", "place"), cases(FIELDS | {f"the filters of {k}": v for k, v in FILTERS.items()}))
def test_every_place_has_the_same_names_or_says_why_not(names: Callable[[], Names], place: Place) -> None:
    expected, found = {*names()}, {*place.names()}

    unexplained = {name: "missing" if name in expected else "only here" for name in expected ^ found}
    unexplained = {name: fault for name, fault in unexplained.items() if name not in place.differs}
    stale = {name for name in place.differs if (name in expected) == (name in found)}
    assert (unexplained, stale) == ({}, set()), place.where


# -- Nothing is left out of the tables --------------------------------------------------------------------------

# A message or type with only these fields wraps, addresses or pages others.
WRAPPING = {
    *("id", "pk", "ok", "success", "after", "cursor", "node", "edges", "page_info", "failures", "errors", "fields"),
    *(
        "created_count",
        "changed_count",
        "moved_count",
        "total",
        "total_count",
        "total_pages",
        "page",
        "page_size",
        "next_cursor",
    ),
    *("product", "products", "category", "categories", "order", "orders", "user", "user_id", "users", "changes"),
    *("price_change", "price_changes", "preview", "report"),
}
OF_GRAPHQL = {"PageInfo": "the Relay specification's", "FieldError": "a pair of name and text"}


def compared(prefix: str) -> set[str]:
    places = [place for _, found in (FIELDS | FILTERS).values() for place in found]
    return {place.where.removeprefix(prefix) for place in places if place.where.startswith(prefix)}


def test_every_message_is_compared_or_wraps_others() -> None:
    files = (account_pb2, order_pb2, product_pb2, report_pb2)
    messages = {name: kind for file in files for name, kind in file.DESCRIPTOR.message_types_by_name.items()}

    plain = {name for name, kind in messages.items() if not set(kind.fields_by_name) <= WRAPPING}

    assert plain == compared("message ") & plain
    assert compared("message ") <= messages.keys()


def test_every_type_of_graphql_is_compared_or_wraps_others() -> None:
    schema = served_schema()
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
    types = {name: kind for name, kind in schema.type_map.items() if hasattr(kind, "fields") and name[:2] != "__"}

    plain = {
        name
        for name, kind in types.items()
        if kind not in roots and not set(map(to_snake_case, kind.fields)) <= WRAPPING and name not in OF_GRAPHQL
    }

    assert plain == compared("GraphQL type ") & plain
    assert types.keys() >= OF_GRAPHQL.keys()
    assert isinstance(types["Product"], GraphQLObjectType)


# -- Sort orders ------------------------------------------------------------------------------------------------


def test_every_protocol_names_the_same_sort_keys() -> None:
    sort = dict(ProductFilter.base_filters["sort"].field.choices)
    sort.pop("", None)
    argument = served_schema().query_type.fields["allProducts"].args["orderBy"]
    proto = next(line for line in (ROOT / "protos/product.proto").read_text().splitlines() if "Empty means `-" in line)
    (parameter,) = (
        found["schema"]["enum"]
        for found in document("v1")["paths"]["/api/v1/products"]["get"]["parameters"]
        if found["name"] == "sort"
    )

    assert [*sort] == [*SORT_KEYS]
    assert sorted(parameter) == sorted(SORT_KEYS)
    assert argument.description.startswith(f"One of {', '.join(SORT_KEYS)};")
    assert proto.strip().startswith(f"// {', '.join(SORT_KEYS[:-1])} or {SORT_KEYS[-1]};")
    users = served_schema().query_type.fields["allUsers"].args["orderBy"]
    assert users.description.startswith(f"One of {', '.join(USER_SORT_KEYS)};")


def test_both_versions_of_grpc_have_the_same_methods_and_fields() -> None:
    packages = Counter(service.descriptor.file.package for service in grpc_services())  # raises if one lacks a field

    assert packages == {"ecommerce": 5, "ecommerce.v2": 5}
