"""Before the rounds: responses must hold the values of the contestant's database, and an order must move the stock."""

import json
from typing import Any

import grpc
import httpx

from benchmarks.compare.contestants import Contestant
from benchmarks.compare.databases import Databases, rows_of
from benchmarks.compare.dialects import Orders, Product, Request, money, product_of
from benchmarks.compare.running import Running
from protos import product_pb2 as pb
from protos.product_pb2_grpc import ProductServiceStub

PAGE, ROWS = 2, 20
TIMEOUT_S = 30
SUMS = {
    "product": "count(*), sum(id), sum(price), sum(stock)",
    "order": "count(*), sum(id), sum(total), count(user_id)",
    "line": "count(*), sum(id), sum(quantity * unit_price), sum(product_id)",
}


class Disagrees(Exception):
    pass


def expect(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise Disagrees(f"{what}: responds {str(found)[:150]}, but its database has {str(expected)[:150]}")


class Truth:
    """What a database holds, read without any contestant."""

    def __init__(self, url: str, tables: dict[str, str]) -> None:
        self._url, self._tables = url, tables

    def sums(self) -> dict[str, tuple[int, ...]]:
        """Return figures that are equal if two databases have the same rows, rounded to whole numbers."""
        return {
            table: tuple(round(value) for value in self._rows(f"select {columns} from {{{table}}}")[0])
            for table, columns in SUMS.items()
        }

    def product(self, product_id: int) -> Product:
        ((found, name, price, stock),) = self._rows(
            f"select id, name, price, stock from {{product}} where id = {product_id}"
        )
        return found, name, money(price), stock

    def page(self, number: int) -> list[Product]:
        window = f"order by created_at desc, id desc limit {ROWS} offset {ROWS * (number - 1)}"
        rows = self._rows(f"select id, name, price, stock from {{product}} {window}")
        return [(found, name, money(price), stock) for found, name, price, stock in rows]

    def total(self) -> int:
        return self._rows("select count(*) from {product}")[0][0]

    def orders(self, condition: str) -> Orders:
        found = {}
        for order_id, total in self._rows(f"select id, total from {{order}} where {condition}"):
            sql = f"select product_id, quantity, unit_price from {{line}} where order_id = {order_id}"
            lines = [(product_id, quantity, money(price)) for product_id, quantity, price in self._rows(sql)]
            found[order_id] = (money(total), sorted(lines))
        return found

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return rows_of(self._url, sql.format(**self._tables))


class Agreement:
    """One check for each operation, named after it. Each raises Disagrees."""

    def __init__(self, contestant: Contestant, server: Running, databases: Databases) -> None:
        self._dialect, self._server, self._sample = contestant.dialect, server, databases.sample
        self._truth = Truth(databases.of(is_shop=contestant.is_shop), contestant.dialect.tables)
        self._product_id = databases.sample.product_ids[len(databases.sample.product_ids) // 2]

    def check(self, operation: str) -> None:
        check = getattr(self, operation, None)
        if check is None:  # a batch, whose rows are counted afterwards
            return
        try:
            check()
        except (KeyError, TypeError, ValueError, StopIteration) as error:
            raise Disagrees(f"{operation}: the response can't be read: {error!r}") from error

    def detail(self) -> None:
        found = product_of(self._response(self._dialect.detail(self._product_id)))
        expect("detail", found, self._truth.product(self._product_id))

    def list(self) -> None:
        rows, total = self._dialect.page_in(self._response(self._dialect.page(PAGE)))
        expect("list", [product_of(row) for row in rows], self._truth.page(PAGE))
        if self._dialect.has_total:
            expect("list's total", total, self._truth.total())

    def nested(self) -> None:
        reader = self._sample.readers[0]
        found = self._dialect.orders_in(self._response(self._dialect.nested(reader))["orders"])
        expect("nested", found, self._truth.orders(f"user_id = {reader.user_id}"))

    def order(self) -> None:
        buyer, basket = self._sample.baskets()[0]
        before = {product_id: self._truth.product(product_id)[3] for product_id in basket}
        placed = self._dialect.orders_in([self._response(self._dialect.order(buyer, basket))])
        (order_id,) = placed
        expect("order", placed, self._truth.orders(f"id = {order_id} and user_id = {buyer.user_id}"))
        expect("order's lines", {line[0]: line[1] for line in placed[order_id][1]}, basket)
        left = {product_id: self._truth.product(product_id)[3] for product_id in basket}
        expect("stock", left, {product_id: before[product_id] - units for product_id, units in basket.items()})

    def graphql_list(self) -> None:
        rows = self._dialect.graphql_rows_in(self._response(self._dialect.graphql_list()))
        expect("GraphQL list", [product_of(row) for row in rows], self._truth.page(1))

    def graphql_tree(self) -> None:
        reader = self._sample.readers[0]
        found = self._response(self._dialect.graphql_tree(reader, self._sample.staff))
        expect(
            "GraphQL tree", self._dialect.graphql_orders_in(found), self._truth.orders(f"user_id = {reader.user_id}")
        )

    def grpc_get(self) -> None:
        with grpc.insecure_channel(f"127.0.0.1:{self._server.port}") as channel:
            call = ProductServiceStub(channel).GetProduct
            found = call(pb.GetProductRequest(id=self._product_id), timeout=TIMEOUT_S, wait_for_ready=True).product
        expect("GetProduct", _product(found), self._truth.product(self._product_id))

    def grpc_list(self) -> None:
        with grpc.insecure_channel(f"127.0.0.1:{self._server.port}") as channel:
            request = pb.ListProductsRequest(page=PAGE, page_size=ROWS)
            found = ProductServiceStub(channel).ListProducts(request, timeout=TIMEOUT_S, wait_for_ready=True)
        expect("ListProducts", [_product(row) for row in found.products], self._truth.page(PAGE))
        expect("ListProducts' total", found.total, self._truth.total())

    def _response(self, request: Request) -> dict[str, Any]:
        url = self._server.url + request.path
        response = httpx.request(
            request.method, url, content=request.body, headers=request.headers(), timeout=TIMEOUT_S
        )
        if not response.is_success:
            raise Disagrees(f"{request.method} {request.path} responds {response.status_code}: {response.text[:200]}")
        return json.loads(response.text)


def check_databases(shop: Truth, peers: Truth) -> None:
    """Raises Disagrees if the peers' rows are not those of the shop."""
    expect("the copy for the peers", peers.sums(), shop.sums())


def _product(found: pb.Product) -> Product:
    return found.id, found.name, money(found.price), found.stock
