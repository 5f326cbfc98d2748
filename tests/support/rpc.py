"""A gRPC client of a real server on a loopback socket, with the shop's handlers in the test's transaction.

    def test_product_is_read(rpc):
        product = make_product(name="Tea")
        assert rpc().call("GetProduct", id=product.pk).product.name == "Tea"
        assert rpc(make_user()).refusal("DeleteProduct", id=product.pk).code == "PERMISSION_DENIED"

`rpc` is a fixture (tests/conftest.py). The server's threads use the test's database connection, one call at a time; for
concurrent callers or for streams, use `grpc_shops`, which starts processes as live.py does:

    shop = grpc_shops()                                 # grpc_shops("--workers", "2", RATE_LIMITS="on")
    with shop.database():
        product = make_product()
    call = shop.client().open("WatchProducts", id=product.pk)
    assert next(call).new_stock == 3
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import grpc
import pytest
from django.db import connections
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from accounts.models import User
from core.protocols.rpc import methods
from core.protocols.rpc.calls import GrpcWorkers
from core.runtime import Runtime
from ecommerce.urls import grpc_handlers
from protos import account_pb2, order_pb2, product_pb2, report_pb2
from protos.account_pb2_grpc import AccountServiceStub
from protos.order_pb2_grpc import OrderServiceStub
from protos.product_pb2_grpc import CategoryServiceStub, ProductServiceStub
from protos.report_pb2_grpc import ReportServiceStub
from tests.support.api import access_token
from tests.support.live import Server, Shop, free_port, fresh_database
from tests.support.waiting import wait_until_started
from tests.support.warm_start import WarmProcess

TIMEOUT_S = 60
METHODS = {
    method.name: (stub, method)
    for module, name, stub in (
        (product_pb2, "ProductService", ProductServiceStub),
        (product_pb2, "CategoryService", CategoryServiceStub),
        (order_pb2, "OrderService", OrderServiceStub),
        (account_pb2, "AccountService", AccountServiceStub),
        (report_pb2, "ReportService", ReportServiceStub),
    )
    for method in module.DESCRIPTOR.services_by_name[name].methods
}


class Refusal(NamedTuple):
    """The status and the error details that a client receives if a call fails."""

    code: str
    message: str
    reason: str = ""
    fields: dict[str, str] = {}
    facts: dict[str, str] = {}
    retry_after_s: int | None = None
    request_id: str = ""


class Client:
    """A caller with a separate connection. Sends `token` if it is given, else one of `user`; `options` go to grpcio."""

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
        """Send one message and return the response. Raises grpc.RpcError."""
        return self.sent(name, metadata, **fields)[0]

    def sent(self, name: str, metadata: dict[str, str] | None = None, /, **fields: Any) -> tuple[Any, dict[str, Any]]:
        """Send one message; return the response and the trailing metadata."""
        request = METHODS[name][1].input_type._concrete_class(**fields)
        pairs = tuple((self.metadata | (metadata or {})).items())
        response, call = self.method(name).with_call(request, metadata=pairs, timeout=TIMEOUT_S)
        return response, dict(call.trailing_metadata())

    def open(self, name: str, /, requests: Iterable[Any] | None = None, *, metadata: Any = None, **fields: Any) -> Any:
        """Open a stream, and return the call when the initial metadata has arrived."""
        sent = METHODS[name][1].input_type._concrete_class(**fields) if requests is None else iter(requests)
        pairs = tuple((self.metadata | (metadata or {})).items())
        call = self.method(name)(sent, metadata=pairs, timeout=TIMEOUT_S)
        call.initial_metadata()
        return call

    def refusal(self, name: str, /, *, metadata: dict[str, str] | None = None, **fields: Any) -> Refusal:
        """Send one message and return its refusal; fail if the call succeeds."""
        with pytest.raises(grpc.RpcError) as refused:
            self.call(name, metadata=metadata, **fields)
        return refusal_in(refused.value)


def end_of(call: Any) -> Refusal:
    """Read a stream to its end, and return the refusal; fail if it ends without one."""
    with pytest.raises(grpc.RpcError) as refused:
        list(call)
    return refusal_in(refused.value)


def refusal_in(error: Any) -> Refusal:
    """Return the refusal in an RpcError, with its details: at most one of each kind."""
    trailing = dict(error.trailing_metadata() or ())
    refusal = Refusal(error.code().name, error.details(), request_id=trailing.get("x-request-id", ""))
    status = rpc_status.from_call(error)
    return with_details(refusal, status.details if status else ())


def with_details(refusal: Refusal, details: Iterable[Any]) -> Refusal:
    """Add the facts from the google.rpc details."""
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
    servers, clients = [], []

    @cache
    def port() -> int:
        """Start the server for the first client: tests of several protocols may have none."""
        server, port = grpc.server(pool), free_port()
        grpc_handlers(server)
        server.add_insecure_port(f"127.0.0.1:{port}")
        server.start()
        servers.append(server)
        return port

    def client(user: User | None = None, token: str | None = None) -> Client:
        clients.append(Client(port(), user, token))
        return clients[-1]

    yield client
    for opened in clients:
        opened.channel.close()
    for server in servers:
        server.stop(None).wait()
    pool.shutdown()


@pytest.fixture
def rpc(db: None, monkeypatch: pytest.MonkeyPatch, runtime: Runtime) -> Iterator[Clients]:
    """Clients of a server whose handlers run in the test's transaction: `rpc(user)`."""
    shared = connections["default"]

    def share() -> None:
        connections["default"] = shared

    threads = partial(ThreadPoolExecutor, initializer=share)
    monkeypatch.setattr(methods, "ThreadPoolExecutor", threads)
    runtime.put(GrpcWorkers, workers := threads(1))
    monkeypatch.setattr(methods, "close_broken_connection", lambda: None)  # it would close the test's connection
    shared.inc_thread_sharing()
    try:
        yield from _serve(threads(2))
    finally:
        workers.shutdown()
        shared.dec_thread_sharing()


# -- Real processes ---------------------------------------------------------------------------------------------
class GrpcServer(Server):
    """One process of `manage.py grpcrunserver`, with its workers; other processes may share a given `port`."""

    def __init__(self, folder: Path, env: dict[str, str], *options: str, port: int | None = None) -> None:
        self.port = port or free_port()
        self.log_path = folder / f"grpc-{self.port}-{uuid4().hex[:8]}.log"
        command = ["grpcrunserver", f"127.0.0.1:{self.port}", *options]
        self.process = WarmProcess(command, env, self.log_path, self.log_path)

    def wait_until_live(self) -> None:
        """Return when the health service reports SERVING. If it does not, raise an exception with the server's log."""
        wait_until_started(self.process, lambda: health_of(self.port) == "SERVING", lambda: self.log)

    def wait_until_said(self, count: int = 1) -> None:
        """Return when `count` processes log that they serve. On a shared port, another process could answer a probe."""
        wait_until_started(self.process, lambda: self.log.count("gRPC is served at") >= count, lambda: self.log)


class GrpcShop(Shop):
    """A separate database, and the gRPC servers that use it."""

    def start_grpc(self, *options: str, **env: str) -> GrpcServer:
        """Start a process; `env` overrides the shop's. Return it when it answers."""
        server = GrpcServer(self.folder, {**self.env, **env}, *options)
        self.servers.append(server)
        server.wait_until_live()
        return server

    def client(self, user: User | None = None, token: str | None = None, server: int = 0, **options: int) -> Client:
        return Client(self.servers[server].port, user, token, **options)


def health_of(port: int, service: str = "", channel: grpc.Channel | None = None) -> str:
    """Return a server's health: SERVING, NOT_SERVING, or the status code if the call fails."""
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
