"""What every gRPC call has in common: the caller, budgets, refusals, faults, request ids; and how services are made."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from threading import Event

import grpc
import pytest
from django.db import OperationalError
from django_grpc_framework.generics import GenericService
from django_grpc_framework.proto_serializers import ProtoSerializer
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts.serializers import UserSerializer
from accounts.services import AccountService, UserMessage
from accounts.tokens import _refresh_token
from catalog.models import Product
from catalog.serializers import ProductSerializer
from catalog.services import ProductMessage, ProductService
from core.server.open_calls import OpenCalls
from ecommerce.urls import grpc_handlers
from orders.serializers import OrderSerializer
from orders.services import OrderMessage, OrderService
from protos.product_pb2 import GetProductRequest
from tests.support.api import access_token
from tests.support.factories import make_product, make_staff, make_user
from tests.support.rpc import METHODS, TIMEOUT_S, refusal_in

SERVICES = (ProductService, OrderService, AccountService)


class Recorder:
    """A server that only remembers what it is given."""

    def __init__(self) -> None:
        self.services: dict[str, set[str]] = {}

    def add_generic_rpc_handlers(self, handlers) -> None:
        pass

    def add_registered_method_handlers(self, name, handlers) -> None:
        self.services[name] = set(handlers)


# -- How services are made --------------------------------------------------------------------------------------


def test_every_service_and_method_of_the_protos_is_served():
    server = Recorder()

    grpc_handlers(server)

    packages, names = ("ecommerce", "ecommerce.v2"), ("Product", "Category", "Order", "Account", "Report")
    assert set(server.services) == {f"{package}.{name}Service" for package in packages for name in names}
    assert set().union(*server.services.values()) == METHODS.keys()


@pytest.mark.parametrize("service", SERVICES)
def test_services_are_the_frameworks_and_speak_shared_serializers(service):
    assert issubclass(service, GenericService)
    assert issubclass(service.serializer_class, ProtoSerializer)


@pytest.mark.parametrize(
    ("message", "shared"),
    [(ProductMessage, ProductSerializer), (OrderMessage, OrderSerializer), (UserMessage, UserSerializer)],
)
def test_messages_have_the_fields_of_the_shared_serializer(message, shared):
    names = {name for name in shared().fields if not name.startswith("_")}

    assert issubclass(message, shared)
    assert set(message().fields) == names == set(message.Meta.proto_class.DESCRIPTOR.fields_by_name)


@pytest.mark.django_db
def test_the_frameworks_way_to_write_a_message_gives_the_same():
    product = make_product(sku="T-1")

    assert ProductMessage(product).message == ProductMessage.of(product)
    assert ProductMessage([product], many=True).message == [ProductMessage.of(product)]


@pytest.mark.django_db
def test_the_frameworks_way_to_read_a_message_gives_the_same():
    request = METHODS["UpdateProduct"][1].input_type._concrete_class(id=7, price=2.5)
    serializer = ProductMessage(message=request, partial=True)

    assert serializer.is_valid()
    assert serializer.validated_data == {"price": 2.5}


# -- Who calls --------------------------------------------------------------------------------------------------


def expired(user) -> str:
    token = AccessToken(access_token(user).encode())
    token.set_exp(lifetime=-timedelta(seconds=1))
    return str(token)


BAD_TOKENS = {
    "blank": lambda user: " ",
    "no token": lambda user: "nonsense",
    "forged": lambda user: access_token(user)[:-4] + "AAAA",
    "expired": expired,
    "refresh token": lambda user: str(_refresh_token(user)),
    "of nobody": lambda user: str(RefreshToken().access_token),
}


@pytest.mark.django_db
@pytest.mark.parametrize("make", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
@pytest.mark.parametrize("method", ["GetProduct", "CreateProduct", "GetMe"])
def test_bad_token_is_refused_by_open_methods_too(rpc, make, method):
    refusal = rpc(token=make(make_staff())).refusal(method)

    assert refusal[:3] == ("UNAUTHENTICATED", "Invalid token", "unauthenticated")
    assert not Product.objects.exists()


@pytest.mark.django_db
def test_caller_is_asked_for_before_the_first_message(rpc):
    """A client that never sends its message is answered all the same."""
    call = rpc().channel.stream_unary("/ecommerce.ProductService/CreateProduct")

    with pytest.raises(grpc.RpcError) as refused:
        call(never(), timeout=TIMEOUT_S)

    assert refusal_in(refused.value).code == "UNAUTHENTICATED"


def never() -> Iterator[bytes]:
    Event().wait(2)
    yield b""


@pytest.mark.django_db
def test_callers_share_the_budget_of_rest(rpc, client, settings):
    settings.RATE_LIMITS, settings.RATE_ANONYMOUS_PER_MINUTE = True, 3
    product = make_product()
    client.get("/api/v1/products")
    client.get("/api/v1/products")
    rpc().call("GetProduct", id=product.pk)

    refusal = rpc().refusal("GetProduct", id=product.pk)

    assert refusal[:3] == ("RESOURCE_EXHAUSTED", "Rate limit exceeded", "rate_limited")
    assert 1 <= refusal.retry_after_s <= 60
    assert client.get("/api/v1/products").status_code == 429
    assert rpc(make_user()).call("GetProduct", id=product.pk).product.id == product.pk


@pytest.mark.django_db
def test_bad_tokens_cost_budget(rpc, settings):
    settings.RATE_LIMITS, settings.RATE_ANONYMOUS_PER_MINUTE = True, 1

    codes = [rpc(token="nonsense").refusal("GetProduct").code for _ in range(2)]

    assert codes == ["UNAUTHENTICATED", "RESOURCE_EXHAUSTED"]


# -- What is answered -------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("content", [b"\xff\xff\xff", b"\x1a\x02\xc3\x28", b"\x08"])
def test_message_that_cannot_be_read_is_invalid_input(rpc, content):
    call = rpc().channel.unary_unary("/ecommerce.ProductService/ListProducts")

    with pytest.raises(grpc.RpcError) as refused:
        call(content, timeout=TIMEOUT_S)

    assert refusal_in(refused.value)[:3] == ("INVALID_ARGUMENT", "The message can't be read", "invalid_input")


@pytest.mark.django_db
def test_call_without_a_message_is_invalid_input(rpc):
    call = rpc().channel.stream_unary("/ecommerce.ProductService/GetProduct")

    with pytest.raises(grpc.RpcError) as refused:
        call(iter(()), timeout=TIMEOUT_S)

    assert refusal_in(refused.value)[:3] == ("INVALID_ARGUMENT", "One message is expected", "invalid_input")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/ecommerce.ProductService/BuyProduct", "/ecommerce.Shop/GetProduct", "/x"])
def test_unknown_method_is_unimplemented(rpc, path):
    with pytest.raises(grpc.RpcError) as refused:
        rpc().channel.unary_unary(path)(b"", timeout=TIMEOUT_S)

    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.django_db
def test_request_id_goes_in_and_comes_out(rpc):
    product = make_product()
    given = {"x-request-id": "shop-front.42"}

    _, trailing = rpc().sent("GetProduct", given, id=product.pk)
    refusal = rpc().refusal("GetProduct", id=0, metadata=given)
    _, other = rpc().sent("GetProduct", {"x-request-id": "no good"}, id=product.pk)

    assert trailing["x-request-id"] == refusal.request_id == "shop-front.42"
    assert len(other["x-request-id"]) == 32


@pytest.mark.django_db
def test_fault_says_nothing_of_itself_and_is_logged(rpc, monkeypatch, caplog):
    def fail(*args):
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(ProductService, "GetProduct", fail)

    refusal = rpc().refusal("GetProduct", id=1)

    assert refusal[:3] == ("INTERNAL", "Internal server error", "internal")
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "secret of the house" in str(record.exc_info[1])


@pytest.mark.django_db
def test_database_that_does_not_answer_is_unavailable(rpc, monkeypatch):
    def fail(*args):
        raise OperationalError("connection to server at 10.0.0.7 failed")

    monkeypatch.setattr(ProductService, "GetProduct", fail)

    refusal = rpc().refusal("GetProduct", id=1)

    assert (refusal.code, refusal.reason, refusal.retry_after_s) == ("UNAVAILABLE", "unavailable", 2)
    assert "10.0.0.7" not in refusal.message


@pytest.mark.django_db
def test_call_gets_one_line_of_log(rpc, caplog):
    caplog.set_level(logging.INFO)

    rpc().refusal("GetProduct", id=0)

    (record,) = [record for record in caplog.records if record.name == "ecommerce.request"]
    facts = {name: getattr(record, name) for name in ("method", "path", "status", "address")}
    assert facts == {
        "method": "gRPC",
        "path": "/ecommerce.ProductService/GetProduct",
        "status": "NOT_FOUND",
        "address": "127.0.0.1",
    }
    assert 0 <= record.duration_ms < 5_000


def test_call_that_can_not_begin_is_an_internal_error(rpc, monkeypatch, caplog):
    def fail(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(OpenCalls, "add", fail)
    with pytest.raises(grpc.RpcError) as raised:
        rpc().method("GetProduct")(GetProductRequest(id=1), timeout=TIMEOUT_S)

    assert (raised.value.code(), raised.value.details()) == (grpc.StatusCode.INTERNAL, "Internal server error")
    assert "Unhandled error at the beginning of a call" in caplog.text
