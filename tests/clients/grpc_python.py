"""grpcio with the modules that grpc_tools.protoc writes."""

import json
import os
from collections.abc import Callable

import grpc
from account_pb2 import ObtainTokenRequest
from account_pb2_grpc import AccountServiceStub
from order_pb2 import OrderItemInput, PlaceOrderRequest
from order_pb2_grpc import OrderServiceStub
from product_pb2 import ListProductsRequest
from product_pb2_grpc import ProductServiceStub

channel = grpc.insecure_channel(os.environ["GRPC"])
orders, accounts = OrderServiceStub(channel), AccountServiceStub(channel)
product = ProductServiceStub(channel).ListProducts(ListProductsRequest(page_size=1, sort_by="price")).products[0]


def basket(quantity: int) -> PlaceOrderRequest:
    return PlaceOrderRequest(items=[OrderItemInput(product_id=product.id, quantity=quantity)])


def refusal(call: Callable[[], object]) -> str:
    try:
        call()
    except grpc.RpcError as error:
        return error.code().name.lower()
    raise AssertionError("not refused")


unknown = refusal(lambda: orders.PlaceOrder(basket(1)))
request = ObtainTokenRequest(username=os.environ["USERNAME"], password=os.environ["PASSWORD"])
metadata = [("authorization", f"Bearer {accounts.ObtainToken(request).access}")]
order = orders.PlaceOrder(basket(2), metadata=metadata).order
refusals = [unknown, refusal(lambda: orders.PlaceOrder(basket(1_000), metadata=metadata))]
facts = {"product": product.name, "total": order.total, "status": order.status}
print(json.dumps({**facts, "ordered": order.created_at > 0, "refusals": refusals}))
