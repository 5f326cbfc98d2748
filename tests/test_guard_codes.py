"""Every protocol and both OpenAPI documents have every code of the one catalogue of errors."""

import grpc
import pytest
from connectrpc.code import Code
from google.rpc import error_details_pb2, status_pb2

from core.errors import CATALOGUE, DomainError
from core.faults import CODES_OF_DRF
from core.protocols.connect.refusals import answer_to
from core.protocols.faults import body_of
from core.protocols.graph.errors import graphql_body
from core.protocols.rest.problems import problem_of
from core.protocols.rpc.errors import DETAILS_KEY, status_of
from tests.support.protocol_names import VERSIONS, document

pytestmark = pytest.mark.same_everywhere

UNDESCRIBED = {
    405: "no operation has it: it is for a method that a path lacks",
    410: "streams alone have cursors that expire, and report it as an event",
}


def refusal(code: str) -> DomainError:
    made = DomainError("Refused")
    made.code = code
    return made


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_protocol_answers_a_refusal_with_the_code_of_the_catalogue(code: str) -> None:
    status, made = CATALOGUE[code], refusal(code)

    rpc = status_of(made)
    details = status_pb2.Status.FromString(dict(rpc.trailing_metadata)[DETAILS_KEY]).details
    info = error_details_pb2.ErrorInfo()
    details[0].Unpack(info)

    assert body_of(made)["code"] == code
    assert problem_of(made, "/")["code"] == code
    assert graphql_body([made])["errors"][0]["extensions"]["code"] == code.upper()
    assert (rpc.code, info.reason) == (grpc.StatusCode[status.grpc], code)
    assert answer_to(made).error.code == Code[status.grpc]


@pytest.mark.parametrize("version", VERSIONS)
def test_documents_name_every_code_and_describe_its_status(version: str) -> None:
    components = document(version)["components"]
    schema = components["schemas"]["Error" if version == "v1" else "Problem"]

    named = {name.removeprefix("Error") for name in components["responses"]} - {""}
    common = next(iter(components["responses"]["Error"]["content"].values()))["examples"]
    described = {int(status) for status in named | common.keys()}

    assert schema["properties"]["code"]["enum"] == [*CATALOGUE]
    assert {status.http for status in CATALOGUE.values()} - described == UNDESCRIBED.keys()


def test_codes_given_to_errors_of_the_framework_are_of_the_catalogue() -> None:
    assert set(CODES_OF_DRF.values()) <= CATALOGUE.keys()
