"""Every call of the shop's gRPC API, from Python: `python examples/grpc_client.py 127.0.0.1:50051`.

Registers a customer, and makes the calls that are open to that customer and to anonymous callers. If DEMO_PASSWORD is
set to the password that quickstart printed, it also makes the calls for staff, as `staff`. `ShopClient` is small enough
to copy.
"""

import argparse
import json
import os
import secrets
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the generated modules are the package protos

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from protos.account_pb2 import (
    GetMeRequest,
    GetUserRequest,
    ListUsersRequest,
    ListUsersResponse,
    ObtainTokenRequest,
    ObtainTokenResponse,
    RefreshTokenRequest,
    RefreshTokenResponse,
    RegisterUserRequest,
    RevokeTokenRequest,
    User,
)
from protos.account_pb2_grpc import AccountServiceStub
from protos.order_pb2 import (
    CancelOrderRequest,
    DeliverOrderRequest,
    GetOrderRequest,
    ListOrdersRequest,
    ListOrdersResponse,
    ListUserOrdersRequest,
    ListUserOrdersResponse,
    Order,
    OrderItemInput,
    PayOrderRequest,
    PlaceOrderRequest,
    RefundOrderRequest,
    ShipOrderRequest,
)
from protos.order_pb2_grpc import OrderServiceStub
from protos.product_pb2 import (
    BatchCreateResponse,
    CreateProductRequest,
    DeleteProductRequest,
    GetProductRequest,
    ListProductsRequest,
    ListProductsResponse,
    Product,
    ProductUpdate,
    UpdateProductRequest,
)
from protos.product_pb2_grpc import ProductServiceStub

TIMEOUT_S = 10
READS = {
    "ProductService": ("GetProduct", "ListProducts"),
    "OrderService": ("GetOrder", "ListOrders", "ListUserOrders", "PlaceOrder"),  # PlaceOrder has an idempotency key
    "AccountService": ("GetMe", "GetUser", "ListUsers"),
}
# A server that shuts down drops a call that arrives at that moment with CANCELLED, before it has processed it.
RETRY = {
    "maxAttempts": 5,
    "initialBackoff": "0.2s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
}
RETRIED = [{"service": f"ecommerce.{service}", "method": name} for service, names in READS.items() for name in names]
OPTIONS = [("grpc.service_config", json.dumps({"methodConfig": [{"name": RETRIED, "retryPolicy": RETRY}]}))]
Metadata = tuple[tuple[str, str], ...]


class ShopError(Exception):
    """A refusal: the gRPC status, and the code and the fields from its google.rpc details."""

    def __init__(self, error: Any) -> None:
        self.status: grpc.StatusCode = error.code()
        self.code, self.fields = "", {}
        status = rpc_status.from_call(error)
        for detail in status.details if status else ():
            info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
            if detail.Unpack(info):
                self.code = info.reason
            elif detail.Unpack(bad):
                self.fields = {violation.field: violation.description for violation in bad.field_violations}
        super().__init__(f"{self.status.name}: {error.details()}")


@contextmanager
def refusals() -> Iterator[None]:
    """Raise ShopError for grpc.RpcError."""
    try:
        yield
    except grpc.RpcError as error:
        raise ShopError(error) from error


class ShopClient:
    """A client for one caller: the user of the token `access`, or anonymous without one."""

    def __init__(self, channel: grpc.Channel, access: str = "") -> None:
        self.products, self.orders = ProductServiceStub(channel), OrderServiceStub(channel)
        self.accounts = AccountServiceStub(channel)
        self.metadata: Metadata = (("authorization", f"Bearer {access}"),) if access else ()

    def _call(self, method: Any, request: Any, *metadata: tuple[str, str]) -> Any:
        with refusals():
            return method(request, metadata=(*self.metadata, *metadata), timeout=TIMEOUT_S)

    # -- Products -----------------------------------------------------------------------------------------------
    def get_product(self, product_id: int) -> Product:
        return self._call(self.products.GetProduct, GetProductRequest(id=product_id)).product

    def list_products(self, **fields: Any) -> ListProductsResponse:
        return self._call(self.products.ListProducts, ListProductsRequest(**fields))

    def create_product(self, **fields: Any) -> Product:
        return self._call(self.products.CreateProduct, CreateProductRequest(**fields)).product

    def update_product(self, product_id: int, **fields: Any) -> Product:
        """Change the given fields; with `expected_version`, raises ShopError if the product has another version."""
        return self._call(self.products.UpdateProduct, UpdateProductRequest(id=product_id, **fields)).product

    def delete_product(self, product_id: int) -> bool:
        return self._call(self.products.DeleteProduct, DeleteProductRequest(id=product_id)).success

    def create_products(
        self, rows: Iterable[CreateProductRequest], *, all_or_none: bool = False
    ) -> BatchCreateResponse:
        mode = "call" if all_or_none else "batch"
        return self._call(self.products.BatchCreateProducts, iter(rows), ("batch-atomic", mode))

    def watch_products(self, product_id: int = 0, *, after: str = "") -> Iterator[ProductUpdate]:
        """Yield changes until the stream ends; to resume, pass the last change's `cursor` as `after`."""
        request = GetProductRequest(id=product_id, after=after)
        with refusals():
            yield from self.products.WatchProducts(request, metadata=self.metadata, timeout=TIMEOUT_S)

    def live_prices(self, prices: Iterable[ProductUpdate]) -> Iterator[ProductUpdate]:
        with refusals():
            yield from self.products.LivePriceUpdates(iter(prices), metadata=self.metadata, timeout=TIMEOUT_S)

    # -- Orders -------------------------------------------------------------------------------------------------
    def place_order(self, quantities: dict[int, int], *, key: str) -> Order:
        """Place an order; a retry with the same `key` returns the same order."""
        items = [OrderItemInput(product_id=pk, quantity=units) for pk, units in quantities.items()]
        return self._call(self.orders.PlaceOrder, PlaceOrderRequest(items=items), ("idempotency-key", key)).order

    def get_order(self, order_id: int) -> Order:
        return self._call(self.orders.GetOrder, GetOrderRequest(id=order_id)).order

    def list_orders(self, **fields: Any) -> ListOrdersResponse:
        return self._call(self.orders.ListOrders, ListOrdersRequest(**fields))

    def list_user_orders(self, user_id: int, **fields: Any) -> ListUserOrdersResponse:
        return self._call(self.orders.ListUserOrders, ListUserOrdersRequest(user_id=user_id, **fields))

    def cancel_order(self, order_id: int) -> Order:
        return self._call(self.orders.CancelOrder, CancelOrderRequest(id=order_id)).order

    def pay_order(self, order_id: int) -> Order:
        return self._call(self.orders.PayOrder, PayOrderRequest(id=order_id)).order

    def ship_order(self, order_id: int) -> Order:
        return self._call(self.orders.ShipOrder, ShipOrderRequest(id=order_id)).order

    def deliver_order(self, order_id: int) -> Order:
        return self._call(self.orders.DeliverOrder, DeliverOrderRequest(id=order_id)).order

    def refund_order(self, order_id: int) -> Order:
        return self._call(self.orders.RefundOrder, RefundOrderRequest(id=order_id)).order

    # -- Accounts -----------------------------------------------------------------------------------------------
    def register(self, username: str, email: str, password: str) -> User:
        request = RegisterUserRequest(username=username, email=email, password=password)
        return self._call(self.accounts.RegisterUser, request).user

    def obtain_token(self, username: str, password: str) -> ObtainTokenResponse:
        return self._call(self.accounts.ObtainToken, ObtainTokenRequest(username=username, password=password))

    def refresh_token(self, refresh: str) -> RefreshTokenResponse:
        return self._call(self.accounts.RefreshToken, RefreshTokenRequest(refresh=refresh))

    def revoke_token(self, refresh: str) -> None:
        self._call(self.accounts.RevokeToken, RevokeTokenRequest(refresh=refresh))

    def get_me(self) -> User:
        return self._call(self.accounts.GetMe, GetMeRequest()).user

    def get_user(self, user_id: int) -> User:
        return self._call(self.accounts.GetUser, GetUserRequest(id=user_id)).user

    def list_users(self, **fields: Any) -> ListUsersResponse:
        return self._call(self.accounts.ListUsers, ListUsersRequest(**fields))


# -- The demonstration ------------------------------------------------------------------------------------------
def say(call: str, answer: object) -> None:
    sys.stdout.write(f"{call:<20} {answer}\n")


def as_stranger(stranger: ShopClient) -> Product:
    cheapest = stranger.list_products(sort_by="price", page_size=3, in_stock=True)
    say("ListProducts", ", ".join(f"{product.name} {product.price:.2f}" for product in cheapest.products))
    product = stranger.get_product(cheapest.products[0].id)
    say("GetProduct", f"{product.name}: {product.stock} in stock, version {product.version}")
    try:
        stranger.get_product(0)
    except ShopError as refusal:
        say("GetProduct(0)", f"{refusal} ({refusal.code})")
    return product


def as_customer(channel: grpc.Channel, product: Product) -> Order:
    stranger, name, password = ShopClient(channel), f"visitor-{secrets.token_hex(4)}", secrets.token_urlsafe(12)
    user = stranger.register(name, f"{name}@example.com", password)
    tokens = stranger.obtain_token(name, password)
    customer = ShopClient(channel, stranger.refresh_token(tokens.refresh).access)
    say("RegisterUser", f"{user.username}; GetMe says {customer.get_me().username}, GetUser {user.id}")
    key = secrets.token_hex(8)
    order, again = (customer.place_order({product.id: 1}, key=key) for _ in range(2))
    say("PlaceOrder", f"{order.number}: {order.total:.2f}; sent again: {again.number}")
    say("GetOrder", f"{customer.get_order(order.id).status}; ListOrders: {customer.list_orders().total}")
    say("ListUserOrders", customer.list_user_orders(user.id).total)
    say("CancelOrder", customer.cancel_order(order.id).status)
    try:
        customer.create_product(name="Mine", price=1)
    except ShopError as refusal:
        say("CreateProduct", f"{refusal} ({refusal.code})")
    last = stranger.obtain_token(name, password).refresh
    stranger.revoke_token(last)
    say("RevokeToken", "done")
    return customer.place_order({product.id: 1}, key=secrets.token_hex(8))


def as_staff(staff: ShopClient, order: Order) -> None:
    say("ListUsers", f"{staff.list_users().total} users")
    steps = (staff.pay_order, staff.ship_order, staff.deliver_order, staff.refund_order)
    say("Pay ... RefundOrder", " -> ".join(step(order.id).status for step in steps))
    product = staff.create_product(name="Example lamp", price=19.99, stock=3)
    try:
        staff.create_product(name="", price=-1)
    except ShopError as refusal:
        say("CreateProduct", f"{refusal} {refusal.fields}")
    changed = staff.update_product(product.id, stock=5, expected_version=product.version)
    say("UpdateProduct", f"{changed.stock} in stock, version {changed.version}")
    price = ProductUpdate(product_id=product.id, new_price=17.5)
    answer = next(update for update in staff.live_prices([price]) if update.product_id == product.id)
    say("LivePriceUpdates", f"{answer.new_price:.2f}, cursor {answer.cursor}")
    before = str(int(answer.cursor) - 1)
    say("WatchProducts", f"{next(staff.watch_products(product.id, after=before)).new_price:.2f} once more")
    rows = [CreateProductRequest(name="Example vase", price=5), CreateProductRequest(name="", price=0)]
    batch = staff.create_products(rows, all_or_none=True)
    refused = batch.failures[0]
    say("BatchCreateProducts", f"{batch.created_count} created; row {refused.index}: {refused.message}")
    say("DeleteProduct", staff.delete_product(product.id))


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes every call of the shop's gRPC API.")
    parser.add_argument("address", nargs="?", default="127.0.0.1:50051", metavar="HOST:PORT")
    with grpc.insecure_channel(parser.parse_args().address, OPTIONS) as channel:
        stranger = ShopClient(channel)
        order = as_customer(channel, as_stranger(stranger))
        if password := os.environ.get("DEMO_PASSWORD"):
            as_staff(ShopClient(channel, stranger.obtain_token("staff", password).access), order)


if __name__ == "__main__":
    main()
