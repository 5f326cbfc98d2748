"""A gRPC client of a real server: loopback sockets, the shop's own handlers, the test's own transaction.

    def test_product_is_read(rpc):
        product = make_product(name="Tea")
        assert rpc().call("GetProduct", id=product.pk).product.name == "Tea"
        assert rpc(make_user()).refusal("DeleteProduct", id=product.pk).code == "PERMISSION_DENIED"

`rpc` is a fixture (tests/conftest.py). The server's threads use the test's database connection, one call at a time; a
test of several callers at once, or of streams, takes `grpc_shops`, which starts processes as tests/live.py does:

    shop = grpc_shops()                                 # grpc_shops("--workers", "2", RATE_LIMITS="on")
    with shop.database():
        product = make_product()
    call = shop.client().open("WatchProducts", id=product.pk)
    assert next(call).new_stock == 3
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import grpc
import pytest
from django.db import close_old_connections, connections
from django_grpc_framework.signals import grpc_request_finished, grpc_request_started
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from accounts.models import User
from ecommerce.rpc import methods, unary
from ecommerce.urls import grpc_handlers
from protos import account_pb2, order_pb2, product_pb2
from protos.account_pb2_grpc import AccountServiceStub
from protos.order_pb2_grpc import OrderServiceStub
from protos.product_pb2_grpc import ProductServiceStub
from tests.api import access_token
from tests.live import ROOT, START_S, Server, Shop, free_port, fresh_database

TIMEOUT_S = 60
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
    """A caller with a connection of its own; `token` overrides that of `user`, `options` are those of grpcio's core."""

    def __init__(self, port: int, user: User | None = None, token: str | None = None, **options: int) -> None:
        options = {"use_local_subchannel_pool": 1} | options
        core = [(f"grpc.{name.replace('__', '.')}", value) for name, value in options.items()]
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", core)
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

    def open(self, name: str, /, requests: Iterable[Any] | None = None, *, metadata: Any = None, **fields: Any) -> Any:
        """Open a stream, and return the call once the server has begun to answer."""
        sent = METHODS[name][1].input_type._concrete_class(**fields) if requests is None else iter(requests)
        pairs = tuple((self.metadata | (metadata or {})).items())
        call = self.method(name)(sent, metadata=pairs, timeout=TIMEOUT_S)
        call.initial_metadata()
        return call

    def refusal(self, name: str, /, *, metadata: dict[str, str] | None = None, **fields: Any) -> Refusal:
        """Send one message that is refused, and return the refusal."""
        with pytest.raises(grpc.RpcError) as refused:
            self.call(name, metadata=metadata, **fields)
        return refusal_in(refused.value)


def end_of(call: Any) -> Refusal:
    """Read a stream to its end, which is a refusal."""
    with pytest.raises(grpc.RpcError) as refused:
        list(call)
    return refusal_in(refused.value)


def refusal_in(error: Any) -> Refusal:
    """Read a refusal and its details: each of the five kinds once at most."""
    trailing = dict(error.trailing_metadata() or ())
    refusal = Refusal(error.code().name, error.details(), request_id=trailing.get("x-request-id", ""))
    status = rpc_status.from_call(error)
    return with_details(refusal, status.details if status else ())


def with_details(refusal: Refusal, details: Iterable[Any]) -> Refusal:
    """Add what the details of google.rpc say."""
    for detail in details:
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
def rpc(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    """Clients of a server whose handlers run in the test's transaction: `rpc(user)`."""
    shared = connections["default"]

    def share() -> None:
        connections["default"] = shared

    threads = partial(ThreadPoolExecutor, initializer=share)
    monkeypatch.setattr(methods, "ThreadPoolExecutor", threads)
    monkeypatch.setattr(unary, "WORKERS", workers := threads(1))
    signals = (grpc_request_started, grpc_request_finished)
    shared.inc_thread_sharing()
    for signal in signals:
        signal.disconnect(close_old_connections)  # it would close a connection that is in a transaction
    try:
        yield from _serve(threads(2))
    finally:
        workers.shutdown()
        for signal in signals:
            signal.connect(close_old_connections)
        shared.dec_thread_sharing()


# -- Real processes ---------------------------------------------------------------------------------------------
class GrpcServer(Server):
    """One process of `manage.py grpcrunserver`, with its workers; `port` is one that others share."""

    def __init__(self, folder: Path, env: dict[str, str], *options: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.log_path = folder / f"grpc-{self.port}-{uuid4().hex[:8]}.log"
        command = [sys.executable, "manage.py", "grpcrunserver", f"127.0.0.1:{self.port}", *options]
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)

    def wait_until_live(self) -> None:
        """Return when the health service says so; raise, with the server's log, when it does not."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if health_of(self.port) == "SERVING":
                return
            time.sleep(0.05)
        raise RuntimeError(f"The server on port {self.port} did not start:\n{self.log}")

    def wait_until_said(self, count: int = 1) -> None:
        """Return when the log says that `count` processes serve: on a shared port another could answer."""
        deadline = time.monotonic() + START_S
        while self.log.count("gRPC is served at") < count:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"The server on port {self.port} did not start:\n{self.log}")
            time.sleep(0.05)


class GrpcShop(Shop):
    """A database of its own, and the gRPC servers on it."""

    def start_grpc(self, *options: str, **env: str) -> GrpcServer:
        """Start a process, with `env` on top of the shop's; return it when it answers."""
        server = GrpcServer(self.folder, {**self.env, **env}, *options)
        self.servers.append(server)
        server.wait_until_live()
        return server

    def client(self, user: User | None = None, token: str | None = None, server: int = 0, **options: int) -> Client:
        return Client(self.servers[server].port, user, token, **options)


def health_of(port: int, service: str = "", channel: grpc.Channel | None = None) -> str:
    """Return what a server says of itself: SERVING, NOT_SERVING, or the status of the call."""
    with channel or grpc.insecure_channel(f"127.0.0.1:{port}") as opened:
        try:
            stub = health_pb2_grpc.HealthStub(opened)
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
        except grpc.RpcError as error:
            return error.code().name
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


@pytest.fixture(scope="module")
def grpc_shops(tmp_path_factory, migrated_template: str, django_db_blocker) -> Iterator[Callable[..., GrpcShop]]:
    """Start shops, each with a fresh database: `grpc_shops(*options, **env)`. All are killed after the module."""
    with ExitStack() as stack:

        def start(*options: str, **env: str) -> GrpcShop:
            folder = tmp_path_factory.mktemp("grpc")
            url = stack.enter_context(fresh_database(folder, migrated_template))
            shop = GrpcShop(url, folder, django_db_blocker.unblock, env)
            stack.callback(shop.kill_all)
            shop.start_grpc(*options)
            return shop

        yield start
