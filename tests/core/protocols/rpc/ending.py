"""Clients that call a gRPC server while it is told to end, and what became of their calls."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, NamedTuple
from uuid import uuid4

import grpc

from accounts.models import User
from catalog.models import Product
from protos import product_pb2 as pb
from tests.support.rpc import TIMEOUT_S, Client, GrpcServer

CALLERS = 12
LOAD_S = 0.5  # before the signal, and after it
PACE_S = 0.1  # of each caller that does not wait
GONE = ("Connection refused", "Connection reset")
# Longer than the second that a channel waits before it connects again.
RETRY = {"maxAttempts": 5, "initialBackoff": "0.2s", "maxBackoff": "1s", "backoffMultiplier": 2}


class Call:
    """A read, or a write whose SKU is found in the database when it was done."""

    def __init__(self, client: Client, product_id: int, *, writes: bool) -> None:
        self.request_id, self.sku, self.failure = uuid4().hex, uuid4().hex if writes else "", ""
        if writes:
            request: Any = pb.CreateProductRequest(name="Written", price=1, sku=self.sku)
        else:
            request = pb.GetProductRequest(id=product_id)
        metadata = (*client.metadata.items(), ("x-request-id", self.request_id))
        method = client.method("CreateProduct" if writes else "GetProduct")
        self._answer = method.future(request, metadata=metadata, timeout=TIMEOUT_S)

    def wait(self) -> None:
        try:
            self._answer.result()
        except grpc.RpcError as error:
            self.failure = f"{error.code().name}: {error.details()}"


class Caller(threading.Thread):
    """Reads and writes in turn on a connection of its own: one call after the other, or each without waiting."""

    def __init__(self, client: Client, product_id: int, end: threading.Event, *, waits: bool) -> None:
        super().__init__(daemon=True)
        self.client, self.product_id, self.end, self.waits = client, product_id, end, waits
        self.calls: list[Call] = []

    def run(self) -> None:
        for n in count():
            if self.end.is_set():
                break
            self.calls.append(Call(self.client, self.product_id, writes=bool(n % 2)))
            if self.waits:
                self.calls[-1].wait()
            if not self.waits or self.calls[-1].failure:
                time.sleep(PACE_S)
        if not self.waits:
            for call in self.calls:
                call.wait()


@contextmanager
def calling(
    port: int, user: User, product_id: int, *, waits: bool, retried: Sequence[str] = ()
) -> Iterator[list[Caller]]:
    """Call for LOAD_S, and for LOAD_S more after what is done inside; then all calls have their answers.

    `retried` are the statuses of the clients' retry policy.
    """
    end = threading.Event()
    options: dict[str, Any] = {"service_config": retrying(retried)} if retried else {}
    callers = [Caller(Client(port, user, **options), product_id, end, waits=waits) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    time.sleep(LOAD_S)
    try:
        yield callers
        time.sleep(LOAD_S)
    finally:
        end.set()
        for caller in callers:
            caller.join(2 * TIMEOUT_S)
            caller.client.channel.close()


def retrying(statuses: Sequence[str]) -> str:
    policy = RETRY | {"retryableStatusCodes": list(statuses)}
    return json.dumps({"methodConfig": [{"name": [{}], "retryPolicy": policy}]})


class Outcome(NamedTuple):
    """What clients were told, beside the servers' logs and the database."""

    calls: int
    refused: Counter[str]  # failures other than that nobody listened
    too_late: int  # nobody listened any more
    begun: list[str]  # failures of calls that a server had begun with
    done: list[str]  # failures of writes that are in the database
    lost: list[str]  # writes that were answered, and are not


def outcome_of(callers: list[Caller], servers: list[GrpcServer]) -> Outcome:
    calls = [call for caller in callers for call in caller.calls]
    failed = [call for call in calls if call.failure]
    late = [call for call in failed if any(word in call.failure for word in GONE)]
    logs = "".join(server.log for server in servers)
    assert calls[0].request_id in logs, "The servers must log at INFO"
    written = set(Product.objects.filter(name="Written").values_list("sku", flat=True))
    return Outcome(
        calls=len(calls),
        refused=Counter(call.failure for call in failed if call not in late),
        too_late=len(late),
        begun=[call.failure for call in failed if call.request_id in logs],
        done=[call.failure for call in failed if call.sku in written],
        lost=[call.sku for call in calls if call.sku and not call.failure and call.sku not in written],
    )
