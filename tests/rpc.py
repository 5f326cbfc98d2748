"""A gRPC client of a real server: loopback sockets, the shop's own handlers, the test's own transaction.

    def test_product_is_read(rpc):
        product = make_product(name="Tea")
        assert rpc().call("GetProduct", id=product.pk).product.name == "Tea"
        assert rpc(make_user()).refusal("DeleteProduct", id=product.pk).code == "PERMISSION_DENIED"

`rpc` is a fixture (tests/conftest.py). The server's threads use the test's database connection, one call at a time; a
test of several callers at once, or of streams, marks itself `django_db(transaction=True)` and takes `live_rpc`, whose
threads have connections of their own.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import grpc
import pytest
from django.db import close_old_connections, connections
from django_grpc_framework.signals import grpc_request_finished, grpc_request_started
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from accounts.models import User
from ecommerce.urls import grpc_handlers
from protos import account_pb2, order_pb2, product_pb2
from protos.account_pb2_grpc import AccountServiceStub
from protos.order_pb2_grpc import OrderServiceStub
from protos.product_pb2_grpc import ProductServiceStub
from tests.api import access_token
from tests.live import free_port

TIMEOUT_S = 20
METHODS = {
    method.name: (stub, method)
    for module, stub in (
        (product_pb2, ProductServiceStub),
        (order_pb2, OrderServiceStub),
        (account_pb2, AccountServiceStub),
    )
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


class Refusal(NamedTuple):
    """What a client is told of a call that failed."""

    code: str
    message: str
    reason: str = ""
    fields: dict[str, str] = {}
    facts: dict[str, str] = {}
    retry_after_s: int | None = None
    request_id: str = ""


class Client:
    """A caller with a channel of its own; `token` overrides that of `user`."""

    def __init__(self, port: int, user: User | None = None, token: str | None = None) -> None:
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.metadata: dict[str, str] = {}
        if user is not None or token is not None:
            self.metadata["authorization"] = f"Bearer {access_token(user) if token is None else token}"

    def method(self, name: str) -> Any:
        return getattr(METHODS[name][0](self.channel), name)

    def call(self, name: str, /, *, metadata: dict[str, str] | None = None, **fields: Any) -> Any:
        """Send one message and return the answer. Raises grpc.RpcError."""
        return self.sent(name, metadata, **fields)[0]

    def sent(self, name: str, metadata: dict[str, str] | None = None, /, **fields: Any) -> tuple[Any, dict[str, Any]]:
        """Send one message; return the answer and the trailing metadata."""
        request = METHODS[name][1].input_type._concrete_class(**fields)
        pairs = tuple((self.metadata | (metadata or {})).items())
        response, call = self.method(name).with_call(request, metadata=pairs, timeout=TIMEOUT_S)
        return response, dict(call.trailing_metadata())

    def refusal(self, name: str, /, *, metadata: dict[str, str] | None = None, **fields: Any) -> Refusal:
        """Send one message that is refused, and return the refusal."""
        with pytest.raises(grpc.RpcError) as refused:
            self.call(name, metadata=metadata, **fields)
        return refusal_in(refused.value)


def refusal_in(error: Any) -> Refusal:
    """Read a refusal and its details: each of the five kinds once at most."""
    trailing = dict(error.trailing_metadata() or ())
    refusal = Refusal(error.code().name, error.details(), request_id=trailing.get("x-request-id", ""))
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        refusal = refusal._replace(**_read(detail))
    return refusal


def _read(detail: Any) -> dict[str, Any]:
    kind = getattr(error_details_pb2, detail.TypeName().rpartition(".")[2])()
    detail.Unpack(kind)
    match kind:
        case error_details_pb2.ErrorInfo():
            return {"reason": kind.reason, "facts": dict(kind.metadata)}
        case error_details_pb2.BadRequest():
            return {"fields": {violation.field: violation.description for violation in kind.field_violations}}
        case error_details_pb2.RetryInfo():
            return {"retry_after_s": kind.retry_delay.ToSeconds()}
        case error_details_pb2.RequestInfo():
            return {"request_id": kind.request_id}
    raise AssertionError(f"Unknown detail {detail.TypeName()}")


Clients = Callable[..., Client]


def _serve(pool: ThreadPoolExecutor) -> Iterator[Clients]:
    server, port, clients = grpc.server(pool), free_port(), []
    grpc_handlers(server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()

    def client(user: User | None = None, token: str | None = None) -> Client:
        clients.append(Client(port, user, token))
        return clients[-1]

    yield client
    for opened in clients:
        opened.channel.close()
    server.stop(None).wait()
    pool.shutdown()


@pytest.fixture
def rpc(db: None) -> Iterator[Clients]:
    """Clients of a server whose handlers run in the test's transaction: `rpc(user)`."""
    shared = connections["default"]

    def share() -> None:
        connections["default"] = shared

    signals = (grpc_request_started, grpc_request_finished)
    shared.inc_thread_sharing()
    for signal in signals:
        signal.disconnect(close_old_connections)  # it would close a connection that is in a transaction
    try:
        yield from _serve(ThreadPoolExecutor(2, initializer=share))
    finally:
        for signal in signals:
            signal.connect(close_old_connections)
        shared.dec_thread_sharing()


@pytest.fixture
def live_rpc(transactional_db: None) -> Iterator[Clients]:
    """Clients of a server whose threads have connections of their own."""
    pool = ThreadPoolExecutor(4)
    yield from _serve(pool)
