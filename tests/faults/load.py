"""Buyers who place orders over three protocols and retry until each order is acknowledged."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

import grpc
import httpx

from protos.order_pb2 import OrderItemInput, PlaceOrderRequest
from protos.order_pb2_grpc import OrderServiceStub

CALL_S = 90  # a client's patience with one attempt: longer than the shop may take
RETRY_S = 0.2
UNITS = 2
MUTATION = """mutation($id: Int!, $units: Int!, $key: String) {
  placeOrder(items: [{productId: $id, quantity: $units}], idempotencyKey: $key) { order { pk } }
}"""
Answer = tuple[str, int | None]  # the status, and the id of the order that was placed
Place = Callable[[str, int], Answer]


@dataclass
class Tally:
    """The outcome of every attempt of one protocol."""

    statuses: Counter[str] = field(default_factory=Counter)
    longest_s: float = 0.0
    orders: dict[str, set[int]] = field(default_factory=dict)  # idempotency key -> ids that were acknowledged
    unknown: set[str] = field(default_factory=set)  # keys of which no attempt was acknowledged yet
    succeeded_at: float = 0.0

    def add(self, key: str, answer: Answer, seconds: float) -> None:
        status, order_id = answer
        self.statuses[status] += 1
        self.longest_s = max(self.longest_s, seconds)
        if order_id is not None:
            self.orders.setdefault(key, set()).add(order_id)
            self.unknown.discard(key)
            self.succeeded_at = time.monotonic()

    def begin_phase(self) -> None:
        self.statuses, self.longest_s = Counter(), 0.0


def over_rest(url: str, token: str) -> Place:
    client = httpx.Client(base_url=url, timeout=CALL_S, headers={"Authorization": f"Bearer {token}"})

    def place(key: str, product_id: int) -> Answer:
        body = {"items": [{"product_id": product_id, "quantity": UNITS}]}
        try:
            response = client.post("/api/v1/orders", json=body, headers={"Idempotency-Key": key})
        except httpx.TransportError as error:
            return type(error).__name__, None
        return str(response.status_code), response.json()["id"] if response.status_code == 201 else None

    return place


def over_graphql(url: str, token: str) -> Place:
    client = httpx.Client(base_url=url, timeout=CALL_S, headers={"Authorization": f"Bearer {token}"})

    def place(key: str, product_id: int) -> Answer:
        variables = {"id": product_id, "units": UNITS, "key": key}
        try:
            answer = client.post("/graphql", json={"query": MUTATION, "variables": variables}).json()
        except httpx.TransportError as error:
            return type(error).__name__, None
        if "errors" in answer:
            return answer["errors"][0]["extensions"]["code"], None
        return "OK", answer["data"]["placeOrder"]["order"]["pk"]

    return place


def over_grpc(port: int, token: str) -> Place:
    channel = grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)])
    stub, authorization = OrderServiceStub(channel), ("authorization", f"Bearer {token}")

    def place(key: str, product_id: int) -> Answer:
        request = PlaceOrderRequest(items=[OrderItemInput(product_id=product_id, quantity=UNITS)])
        try:
            answer = stub.PlaceOrder(request, timeout=CALL_S, metadata=[authorization, ("idempotency-key", key)])
        except grpc.RpcError as error:
            return error.code().name, None
        return "OK", answer.order.id

    return place


class Buyer(threading.Thread):
    """Places one order after the other; each is retried under its key until it is acknowledged."""

    def __init__(self, place: Place, tally: Tally, product_ids: list[int], seed: int) -> None:
        super().__init__(name=f"buyer-{seed}", daemon=True)
        self._place, self._tally, self._product_ids = place, tally, product_ids
        self._source, self._ends = random.Random(seed), threading.Event()

    def run(self) -> None:
        while not self._ends.is_set():
            key, product_id = uuid4().hex, self._source.choice(self._product_ids)
            self._tally.unknown.add(key)
            while key in self._tally.unknown:
                began_at = time.monotonic()
                answer = self._place(key, product_id)
                self._tally.add(key, answer, time.monotonic() - began_at)
                if answer[1] is None:
                    time.sleep(RETRY_S)

    def stop(self) -> None:
        """End after the order that is being placed: it is retried until it is acknowledged."""
        self._ends.set()
        self.join()
