"""What a member of staff does with a product: sells it, cancels every second sale, and corrects its stock."""

import random
from collections.abc import Callable, Iterator

import grpc
import httpx

from protos import order_pb2, product_pb2
from protos.order_pb2_grpc import OrderServiceStub
from protos.product_pb2_grpc import ProductServiceStub

CALL_S = 90  # a client's patience: longer than the shop may take
UNITS = (-9, -3, 2, 12)  # that a correction adds
Act = Callable[[int], str]  # does something with a product and returns what came of it
GRAPHQL = {
    "place": "mutation($id: Int!) { placeOrder(items: [{productId: $id, quantity: 2}]) { order { pk } } }",
    "cancel": "mutation($id: Int!) { cancelOrder(id: $id) { order { pk } } }",
    "correct": 'mutation($id: Int!, $units: Int!) { correctStock(id: $id, units: $units, reason: "Counted") { ok } }',
}


def trade_over_rest(url: str, token: str) -> Iterator[Act]:
    client = httpx.Client(base_url=f"{url}/api/v1", timeout=CALL_S, headers={"Authorization": f"Bearer {token}"})

    def sell(pk: int) -> str:
        placed = client.post("/orders", json={"items": [{"product_id": pk, "quantity": 2}]})
        if placed.status_code == 201 and pk % 2:
            client.post(f"/orders/{placed.json()['id']}/cancel").raise_for_status()
        return f"REST sale {placed.status_code}"

    def correct(pk: int) -> str:
        body = {"units": random.choice(UNITS), "reason": "Counted"}
        return f"REST correction {client.post(f'/products/{pk}/stock', json=body).status_code}"

    yield from (sell, correct)


def trade_over_graphql(url: str, token: str) -> Iterator[Act]:
    client = httpx.Client(base_url=url, timeout=CALL_S, headers={"Authorization": f"Bearer {token}"})

    def ask(name: str, **variables: int) -> tuple[str, dict]:
        answer = client.post("/graphql", json={"query": GRAPHQL[name], "variables": variables}).json()
        refused = answer.get("errors")
        return (refused[0]["extensions"]["code"], {}) if refused else ("OK", answer["data"])

    def sell(pk: int) -> str:
        status, data = ask("place", id=pk)
        if data and pk % 2:
            assert ask("cancel", id=data["placeOrder"]["order"]["pk"])[0] == "OK"
        return f"GraphQL sale {status}"

    def correct(pk: int) -> str:
        return f"GraphQL correction {ask('correct', id=pk, units=random.choice(UNITS))[0]}"

    yield from (sell, correct)


def trade_over_grpc(port: int, token: str) -> Iterator[Act]:
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)])
    orders, products = OrderServiceStub(channel), ProductServiceStub(channel)
    options = {"timeout": CALL_S, "metadata": [("authorization", f"Bearer {token}")]}

    def sell(pk: int) -> str:
        item = order_pb2.OrderItemInput(product_id=pk, quantity=2)
        try:
            placed = orders.PlaceOrder(order_pb2.PlaceOrderRequest(items=[item]), **options)
        except grpc.RpcError as error:
            return f"gRPC sale {error.code().name}"
        if pk % 2:
            orders.CancelOrder(order_pb2.CancelOrderRequest(id=placed.order.id), **options)
        return "gRPC sale OK"

    def correct(pk: int) -> str:
        request = product_pb2.CorrectStockRequest(id=pk, units=random.choice(UNITS), reason="Counted")
        try:
            products.CorrectStock(request, **options)
        except grpc.RpcError as error:
            return f"gRPC correction {error.code().name}"
        return "gRPC correction OK"

    yield from (sell, correct)
