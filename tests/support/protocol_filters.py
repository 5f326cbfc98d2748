"""The filters of each list, and the places that must have them in each protocol, with the reasons of differences."""

from collections.abc import Callable

from accounts.filters import UserFilter
from catalog.filters import ProductFilter, ProductHistoryFilter
from core.lists.filters import filters_of
from orders.filters import OrderFilter, UserOrderFilter
from protos import account_pb2, order_pb2, product_pb2, report_pb2
from reports.filters import SalesFilter
from tests.support.protocol_names import Names, Place, as_arguments, as_parameters, in_proto

TARGET = {"id": "names the product; in the path in REST"}
REPRICING = {"percent": "the change", "as_of": "of the preview"}
GRAPHQL_PAGE = dict.fromkeys(("first", "after", "last", "before"), "page")
PROTO_PAGE = dict.fromkeys(("page", "page_size", "cursor"), "page")
REST_SORT = dict.fromkeys(("sort", "order"), "order_by and sort_by in one text in the other protocols")
FILTERS: dict[str, tuple[Callable[[], Names], list[Place]]] = {
    "products": (
        lambda: filters_of(ProductFilter),
        [
            as_arguments("allProducts", **GRAPHQL_PAGE, order_by="sort and order in REST"),
            as_arguments(
                "searchProducts",
                q="required here, and named query",
                query="the filter q",
                in_stock="its arguments are fixed; allProducts has this one",
            ),
            in_proto(product_pb2.ListProductsRequest, **PROTO_PAGE, sort_by="sort and order in REST"),
            *as_parameters("/products", **REST_SORT),
        ],
    ),
    "changes of prices": (
        lambda: (),
        [
            as_arguments("allPriceChanges", **GRAPHQL_PAGE),
            in_proto(product_pb2.ListPriceChangesRequest, **PROTO_PAGE),
            *as_parameters("/price-changes"),
        ],
    ),
    "the products whose prices change": (
        lambda: filters_of(ProductFilter),
        [
            as_arguments("previewPrices", percent="the change"),
            as_arguments("changePrices", **REPRICING, idempotency_key="a header in REST, metadata in gRPC"),
            *as_parameters("/price-changes", "post"),
            *as_parameters("/price-changes/preview", "post"),
        ],
    ),
    "categories": (
        lambda: (),
        [
            as_arguments("allCategories", **GRAPHQL_PAGE),
            in_proto(product_pb2.ListCategoriesRequest, **PROTO_PAGE),
            *as_parameters("/categories"),
        ],
    ),
    "orders": (
        lambda: filters_of(OrderFilter),
        [
            as_arguments("allOrders", **GRAPHQL_PAGE),
            in_proto(order_pb2.ListOrdersRequest, **PROTO_PAGE),
            *as_parameters("/orders"),
        ],
    ),
    "orders of a user": (
        lambda: filters_of(UserOrderFilter),
        [
            as_arguments(
                "orders", **dict.fromkeys(("status", "created_from", "created_to"), "ordersConnection has filters")
            ),
            as_arguments("ordersConnection", **GRAPHQL_PAGE),
            in_proto(order_pb2.ListUserOrdersRequest, **PROTO_PAGE, user_id="names the user; in the path in REST"),
            *as_parameters("/users/{id}/orders"),
        ],
    ),
    "the history of a product": (
        lambda: filters_of(ProductHistoryFilter),
        [
            as_arguments("productHistory", **GRAPHQL_PAGE, **TARGET),
            in_proto(product_pb2.ListProductHistoryRequest, **PROTO_PAGE, **TARGET),
            *as_parameters("/products/{id}/history"),
        ],
    ),
    "the history of an order": (
        lambda: (),
        [
            as_arguments("orderHistory", **GRAPHQL_PAGE, id="names the order; in the path in REST"),
            in_proto(order_pb2.ListOrderHistoryRequest, **PROTO_PAGE, id="names the order; in the path in REST"),
            *as_parameters("/orders/{id}/history"),
        ],
    ),
    "the days of a report": (
        lambda: filters_of(SalesFilter),
        [
            as_arguments("sales"),
            in_proto(report_pb2.GetSalesRequest),
            *as_parameters("/sales", is_paged=False),
        ],
    ),
    "users": (
        lambda: filters_of(UserFilter),
        [
            as_arguments("allUsers", **GRAPHQL_PAGE, order_by="only GraphQL sorts users"),
            in_proto(account_pb2.ListUsersRequest, **PROTO_PAGE),
            *as_parameters("/users"),
        ],
    ),
}
