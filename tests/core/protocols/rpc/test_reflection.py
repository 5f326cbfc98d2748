"""Reflection of the gRPC server: version 1 and v1alpha, for staff or for everybody."""

import time
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

from tests.support.factories import make_staff, make_user
from tests.support.rpc import TIMEOUT_S, Client, GrpcShop, refusal_in

V1, V1_ALPHA = "grpc.reflection.v1", "grpc.reflection.v1alpha"
BOTH_VERSIONS = pytest.mark.parametrize("package", [V1, V1_ALPHA])
NOT_FOUND = 5


@pytest.fixture(scope="module")
def shop(grpc_shops) -> GrpcShop:
    return grpc_shops()


@pytest.fixture(scope="module")
def open_shop(grpc_shops) -> GrpcShop:
    return grpc_shops(GRPC_REFLECTION="open")


QUESTIONS = 200  # more than the connection takes while nothing is read


def ask(client: Client, package: str, *questions: Any, answer_class: Any = ServerReflectionResponse) -> list[Any]:
    call = client.channel.stream_stream(
        f"/{package}.ServerReflection/ServerReflectionInfo",
        request_serializer=lambda question: question.SerializeToString(),
        response_deserializer=answer_class.FromString,
    )
    return list(call(iter(questions), metadata=tuple(client.metadata.items()), timeout=TIMEOUT_S))


def classes_of(client: Client, package: str) -> tuple[Any, Any]:
    """Return the classes of question and answer, generated from the .proto file that the server gives of itself."""
    name, pool = f"{package}.ServerReflection", DescriptorPool()
    (answer,) = ask(client, package, ServerReflectionRequest(file_containing_symbol=name))
    for content in answer.file_descriptor_response.file_descriptor_proto:
        pool.AddSerializedFile(content)
    method = pool.FindServiceByName(name).methods_by_name["ServerReflectionInfo"]
    return GetMessageClass(method.input_type), GetMessageClass(method.output_type)


@BOTH_VERSIONS
def test_reflection_is_for_staff(shop, package):
    with shop.database():
        staff, user = make_staff(), make_user()

    (answer,) = ask(shop.client(staff), package, ServerReflectionRequest(list_services=""))

    assert [service.name for service in answer.list_services_response.service] == [
        "ecommerce.AccountService",
        "ecommerce.CategoryService",
        "ecommerce.OrderService",
        "ecommerce.ProductService",
        "ecommerce.ReportService",
        "ecommerce.v2.AccountService",
        "ecommerce.v2.CategoryService",
        "ecommerce.v2.OrderService",
        "ecommerce.v2.ProductService",
        "ecommerce.v2.ReportService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    ]
    for client, code in ((shop.client(), "UNAUTHENTICATED"), (shop.client(user), "PERMISSION_DENIED")):
        with pytest.raises(grpc.RpcError) as refused:
            ask(client, package, ServerReflectionRequest(list_services=""))
        assert refusal_in(refused.value).code == code


@BOTH_VERSIONS
def test_client_generated_from_the_served_file_is_answered(open_shop, package):
    client = open_shop.client()
    question, answer_class = classes_of(client, package)

    questions = question(file_containing_symbol="ecommerce.ProductService"), question(file_by_filename="none.proto")
    found, missing = ask(client, package, *questions, answer_class=answer_class)

    assert (question.DESCRIPTOR.file.package, found.original_request) == (package, questions[0])
    assert b"GetProductRequest" in found.file_descriptor_response.file_descriptor_proto[0]
    assert (missing.error_response.error_code, missing.original_request) == (NOT_FOUND, questions[1])


def test_file_of_version_1_has_the_standard_name_and_is_not_deprecated(open_shop):
    question, _ = classes_of(open_shop.client(), V1)

    assert question.DESCRIPTOR.file.name == "grpc/reflection/v1/reflection.proto"
    assert not question.DESCRIPTOR.file.GetOptions().deprecated


def test_reflection_is_for_everybody_in_debug_mode(grpc_shops):
    (answer,) = ask(grpc_shops(DEBUG="on").client(), V1, ServerReflectionRequest(list_services=""))

    assert answer.list_services_response.service[0].name == "ecommerce.AccountService"


def test_question_over_the_budget_ends_the_stream_with_the_reason(grpc_shops):
    client = grpc_shops(GRPC_REFLECTION="open", RATE_LIMITS="on", RATE_ANONYMOUS_PER_MINUTE="3").client()

    with pytest.raises(grpc.RpcError) as refused:
        ask(client, V1, *[ServerReflectionRequest(list_services="")] * 5)

    refusal = refusal_in(refused.value)
    assert refusal[:3] == ("RESOURCE_EXHAUSTED", "Rate limit exceeded", "rate_limited")
    assert 0 < (refusal.retry_after_s or 0) <= 60


def test_every_question_is_answered_though_the_client_has_sent_its_last_one(open_shop):
    client = open_shop.client()
    question = ServerReflectionRequest(file_containing_symbol="ecommerce.ProductService")
    call = client.channel.stream_stream(
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        request_serializer=ServerReflectionRequest.SerializeToString,
        response_deserializer=ServerReflectionResponse.FromString,
    )

    answers = call(iter([question] * QUESTIONS), timeout=TIMEOUT_S)
    time.sleep(0.5)  # nothing is read meanwhile, so that replies wait in the server

    assert [answer.original_request for answer in answers] == [question] * QUESTIONS
