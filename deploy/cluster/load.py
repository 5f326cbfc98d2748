"""Clients of the cluster, over three protocols, that repeat what failed and record what they saw."""

import json
import ssl
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc
import httpx

from deploy.cluster.layout import FOLDER, HOST, HTTPS
from protos.account_pb2 import ObtainTokenRequest
from protos.account_pb2_grpc import AccountServiceStub
from protos.order_pb2 import OrderItemInput, PlaceOrderRequest
from protos.order_pb2_grpc import OrderServiceStub

URL = f"https://localhost:{HTTPS}"
CUSTOMER, PASSWORD = "customer", "tea-and-cake-42"  # of the demo data
PRODUCTS = range(1, 40)
ATTEMPT_S, PAUSE_S = 10, 0.1
PLACE = """
mutation ($items: [OrderItemInput!]!, $key: String) {placeOrder(items: $items, idempotencyKey: $key) {order {pk}}}
"""


class Refused(Exception):
    """An attempt failed, and the client repeats it."""


@dataclass
class Seen:
    """What the clients saw; times are of `time.monotonic`."""

    orders: dict[str, int] = field(default_factory=dict)  # idempotency key to the id that was acknowledged
    failures: list[tuple[float, str]] = field(default_factory=list)
    waits_s: list[float] = field(default_factory=list)  # of each operation, with its repetitions
    stale: int = 0  # orders that their client could not read after they were acknowledged
    cursors: list[int] = field(default_factory=list)  # of the events of the feed

    def failed_after(self, moment: float) -> list[float]:
        return [at - moment for at, _ in self.failures if at >= moment]


class Load:
    """Runs the clients in threads until `stop`."""

    def __init__(self) -> None:
        self.seen = Seen()
        self._ends = threading.Event()
        self._lock = threading.Lock()
        self._context = ssl.create_default_context(cafile=str(FOLDER / "ca.pem"))
        self._token = self._until_it_works(self._sign_in)
        self.from_cursor = 0
        clients = [self._order_by_rest, self._order_by_graphql, self._order_by_grpc]
        self._threads = [threading.Thread(target=self._repeat, args=(client,)) for client in clients]
        self._threads.append(threading.Thread(target=self._follow))

    def start(self, from_cursor: int) -> None:
        self.from_cursor = from_cursor
        for thread in self._threads:
            thread.start()

    def stop(self) -> Seen:
        """Let the operations in progress succeed, and return what was seen."""
        self._ends.set()
        for thread in self._threads:
            thread.join()
        return self.seen

    # -- Orders -------------------------------------------------------------------------------------------------
    def _repeat(self, client: Callable[[str], int]) -> None:
        while not self._ends.is_set():
            key, began = uuid.uuid4().hex, time.monotonic()
            order = self._until_it_works(partial(client, key))
            with self._lock:
                self.seen.orders[key] = order
                self.seen.waits_s.append(time.monotonic() - began)
            self._read_back(order)

    def _until_it_works(self, act: Callable[[], Any]) -> Any:
        while True:
            try:
                return act()
            except (Refused, httpx.HTTPError, grpc.RpcError) as error:
                with self._lock:
                    self.seen.failures.append((time.monotonic(), _short(error)))
                time.sleep(PAUSE_S)

    def _order_by_rest(self, key: str) -> int:
        answer = self._post("/api/v1/orders", {"items": [_line(key)]}, {"Idempotency-Key": key})
        if answer.status_code != 201:
            raise Refused(f"{answer.status_code} {answer.text[:100]}")
        return int(answer.json()["id"])

    def _order_by_graphql(self, key: str) -> int:
        line = _line(key)
        items = [{"productId": line["product_id"], "quantity": line["quantity"]}]
        answer = self._post("/graphql", {"query": PLACE, "variables": {"items": items, "key": key}}, {})
        body = answer.json() if answer.headers.get("content-type", "").startswith("application/json") else {}
        if answer.status_code != 200 or body.get("errors"):
            raise Refused(f"{answer.status_code} {answer.text[:100]}")
        return int(body["data"]["placeOrder"]["order"]["pk"])

    def _order_by_grpc(self, key: str) -> int:
        items = [OrderItemInput(**_line(key))]
        metadata = [("authorization", f"Bearer {self._token}"), ("idempotency-key", key)]
        with self._channel() as channel:
            request = PlaceOrderRequest(items=items)
            placed = OrderServiceStub(channel).PlaceOrder(request, metadata=metadata, timeout=ATTEMPT_S)
        return int(placed.order.id)

    def _read_back(self, order: int) -> None:
        """Count a stale read if the order of this client is not there."""
        try:
            url = f"{URL}/api/v1/orders/{order}"
            answer = httpx.get(url, headers=self._headers(), verify=self._context, timeout=ATTEMPT_S)
        except httpx.HTTPError as error:
            with self._lock:
                self.seen.failures.append((time.monotonic(), f"read: {_short(error)}"))
            return
        if answer.status_code == 404:
            with self._lock:
                self.seen.stale += 1

    # -- The feed -----------------------------------------------------------------------------------------------
    def _follow(self) -> None:
        """Follow all products over SSE, and resume from the last cursor when the line breaks."""
        cursor = str(self.from_cursor)
        while not self._ends.is_set():
            try:
                cursor = self._follow_once(cursor)
            except httpx.HTTPError:
                time.sleep(PAUSE_S)

    def _follow_once(self, cursor: str) -> str:
        url, headers = f"{URL}/api/v1/products/events", {"Last-Event-ID": cursor}
        timeout = httpx.Timeout(ATTEMPT_S, read=15)  # the shop sends a heartbeat every 10 s
        try:
            with httpx.stream("GET", url, headers=headers, verify=self._context, timeout=timeout) as answer:
                named = ""
                for line in answer.iter_lines():
                    if line.startswith("id: "):
                        cursor = line[4:]
                    elif line.startswith("event: "):
                        named = line[7:]
                    elif not line and named == "product":
                        self.seen.cursors.append(int(cursor))
                        named = ""
                    if self._ends.is_set():
                        break
        except httpx.HTTPError:
            return cursor
        return cursor

    # -- Requests -----------------------------------------------------------------------------------------------
    def _sign_in(self) -> str:
        with self._channel() as channel:
            request = ObtainTokenRequest(username=CUSTOMER, password=PASSWORD)
            return str(AccountServiceStub(channel).ObtainToken(request, timeout=ATTEMPT_S).access)

    def _channel(self) -> grpc.Channel:
        credentials = grpc.ssl_channel_credentials((FOLDER / "ca.pem").read_bytes())
        channel: grpc.Channel = grpc.secure_channel(f"{HOST}:{HTTPS}", credentials)
        return channel

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def _post(self, path: str, body: object, headers: dict[str, str]) -> httpx.Response:
        sent = {**self._headers(), **headers, "Content-Type": "application/json"}
        content = json.dumps(body)
        return httpx.post(f"{URL}{path}", content=content, headers=sent, verify=self._context, timeout=ATTEMPT_S)


def _line(key: str) -> dict[str, int]:
    """Return the line of the order with this key: a repetition must ask for the same."""
    return {"product_id": PRODUCTS[uuid.UUID(key).int % len(PRODUCTS)], "quantity": 1}


def _short(error: Exception) -> str:
    text = error.details() if isinstance(error, grpc.Call) else str(error)
    return " ".join(f"{type(error).__name__} {text}".split())[:120]
