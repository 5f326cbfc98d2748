"""How to ask the shop and its peers for the same things, and how to read their responses.

All peers serve one HTTP API, `PeerDialect`. Every reader returns plain values that can be compared with the database.
"""

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from benchmarks.compare.samples import FIRST_PAGES, Caller, Sample

Json = dict[str, Any]
Product = tuple[int, str, Decimal, int]  # id, name, price, stock
Line = tuple[int, int, Decimal]  # product id, quantity, price
Orders = dict[int, tuple[Decimal, list[Line]]]  # id: total, sorted lines


class Request(NamedTuple):
    method: str
    path: str
    body: str = ""
    token: str = ""

    def headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"} if self.body else {}
        return headers | ({"Authorization": f"Bearer {self.token}"} if self.token else {})


def get(path: str, token: str = "") -> Request:
    return Request("GET", path, token=token)


def post(path: str, content: object, token: str = "") -> Request:
    return Request("POST", path, json.dumps(content), token)


def graphql(query: str, token: str = "", **variables: object) -> Request:
    return post("/graphql", {"query": query, "variables": variables}, token)


def money(value: object) -> Decimal:
    return Decimal(str(value)).quantize(Decimal("0.01"))


def product_of(found: Json) -> Product:
    return int(found["pk"] if "pk" in found else found["id"]), found["name"], money(found["price"]), found["stock"]


class ShopDialect:
    tables = {"product": "catalog_product", "order": "orders_order", "line": "orders_orderitem"}
    has_total = True
    key = "pk"  # the integer id in GraphQL

    def requests(self, operation: str, sample: Sample) -> list[Request]:
        """Return the requests of an operation; the load picks from them at random."""
        builders = {
            "detail": lambda: map(self.detail, sample.some_products()),
            "list": lambda: map(self.page, FIRST_PAGES),
            "nested": lambda: map(self.nested, sample.readers),
            "order": lambda: (self.order(buyer, basket) for buyer, basket in sample.baskets()),
            "graphql_list": lambda: [self.graphql_list()],
            "graphql_tree": lambda: (self.graphql_tree(reader, sample.staff) for reader in sample.readers),
        }
        return list(builders[operation]())

    def detail(self, product_id: int) -> Request:
        return get(f"/api/v1/products/{product_id}")

    def page(self, number: int) -> Request:
        return get(f"/api/v1/products?page={number}&per_page=20")

    def nested(self, reader: Caller) -> Request:
        return get("/api/v1/orders", reader.token)

    def order(self, buyer: Caller, basket: dict[int, int]) -> Request:
        items = [{"product_id": product_id, "quantity": quantity} for product_id, quantity in basket.items()]
        return post("/api/v1/orders", {"items": items}, buyer.token)

    def batch(self, rows: Sequence[Json], staff: Caller) -> Request:
        return post("/api/v1/products/batch", rows, staff.token)

    def graphql_list(self) -> Request:
        return graphql("query($n: Int) {allProducts(first: $n) {edges {node {pk sku name price stock}}}}", n=20)

    def graphql_tree(self, reader: Caller, staff: Caller) -> Request:
        lines = "items {pk quantity unitPrice product {pk name}}"
        query = f"query($id: Int) {{user(id: $id) {{pk username email orders {{pk status total {lines}}}}}}}"
        return graphql(query, staff.token, id=reader.user_id)

    def page_in(self, response: Json) -> tuple[list[Json], int | None]:
        """Return the rows and the total."""
        return response["products"], response["pagination"]["total"]

    def graphql_rows_in(self, response: Json) -> list[Json]:
        return [edge["node"] for edge in response["data"]["allProducts"]["edges"]]

    def graphql_orders_in(self, response: Json) -> Orders:
        def line(found: Json) -> Line:
            return int(found["product"][self.key]), found["quantity"], money(found["unitPrice"])

        orders = response["data"]["user"]["orders"]
        return {int(order[self.key]): _order(order["total"], map(line, order["items"])) for order in orders}

    def orders_in(self, orders: Iterable[Json]) -> Orders:
        return {order["id"]: _order(order["total"], map(self.line, order["items"])) for order in orders}

    def line(self, found: Json) -> Line:
        return found["product_id"], found["quantity"], money(found["unit_price"])


class PeerDialect(ShopDialect):
    tables = {"product": "shop_product", "order": "shop_order", "line": "shop_orderitem"}
    key = "id"

    def detail(self, product_id: int) -> Request:
        return get(f"/products/{product_id}/")

    def page(self, number: int) -> Request:
        return get(f"/products/?page={number}")

    def nested(self, reader: Caller) -> Request:
        return get(f"/users/{reader.user_id}/")

    def order(self, buyer: Caller, basket: dict[int, int]) -> Request:
        items = [{"product": product_id, "quantity": quantity} for product_id, quantity in basket.items()]
        return post("/orders/", {"user": buyer.user_id, "items": items})

    def batch(self, rows: Sequence[Json], staff: Caller) -> Request:
        return post("/products/batch/", rows)

    def graphql_list(self) -> Request:
        return graphql("query($n: Int) {products(limit: $n) {id sku name price stock}}", n=20)

    def graphql_tree(self, reader: Caller, staff: Caller) -> Request:
        lines = "items {id quantity unitPrice product {id name}}"
        query = f"query($id: ID!) {{user(id: $id) {{id username email orders {{id status total {lines}}}}}}}"
        return graphql(query, id=reader.user_id)

    def page_in(self, response: Json) -> tuple[list[Json], int | None]:
        # Each framework has its own names for the rows and the total.
        rows = next(value for value in response.values() if isinstance(value, list))
        return rows, response.get("count", response.get("total"))

    def graphql_rows_in(self, response: Json) -> list[Json]:
        return response["data"]["products"]

    def line(self, found: Json) -> Line:
        return found["product"]["id"], found["quantity"], money(found["unit_price"])


class WithoutTotal(PeerDialect):
    """Of the bare server that does not count the rows of its list."""

    has_total = False

    def page(self, number: int) -> Request:
        return get(f"/products-without-total/?page={number}")


def _order(total: object, lines: Iterable[Line]) -> tuple[Decimal, list[Line]]:
    return money(total), sorted(lines)
