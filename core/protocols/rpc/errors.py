"""Every refusal as a gRPC status with google.rpc details."""

import json
from typing import NamedTuple

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from core.budgets import Budget, rate_limit_fields
from core.errors import CATALOGUE, DomainError
from core.server.logs import request_id

DOMAIN = "ecommerce"
GONE = "The client no longer waits"
DETAILS_KEY = "grpc-status-details-bin"
# A client accepts 8 KiB of metadata. If there is more, it does not see the error at all.
MAX_MESSAGE_BYTES = 1_000
MAX_FIELDS_BYTES = 1_800
MAX_FACT_BYTES = 600

Metadata = tuple[tuple[str, str | bytes], ...]


class GrpcStatus(NamedTuple):
    """The status that ends a call, in the form that grpcio's `abort_with_status` expects."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: Metadata


def status_of(refusal: DomainError, *more: tuple[str, str | bytes]) -> GrpcStatus:
    """Return the status. Its trailing metadata has the details as google.rpc.Status, and `more`."""
    code, message = grpc.StatusCode[CATALOGUE[refusal.code].grpc], _cut(refusal.message, MAX_MESSAGE_BYTES)
    status = status_pb2.Status(code=code.value[0], message=message)
    for detail in _details(refusal):
        status.details.add().Pack(detail)
    return GrpcStatus(code, message, (*request_metadata(), (DETAILS_KEY, status.SerializeToString()), *more))


def request_metadata() -> Metadata:
    """Return the trailing metadata of every call."""
    return (("x-request-id", request_id.get()),)


def budget_metadata(budget: Budget | None, refusal: DomainError | None = None) -> Metadata:
    """Return the trailing metadata with the caller's remaining budget, and with the exhausted budget of a refusal."""
    fields = rate_limit_fields(budget, refusal.budget if refusal else None)
    return tuple([(name.lower(), text) for name, text in fields.items()])


def _details(refusal: DomainError) -> list[Message]:
    facts = {name: _fact(value) for name, value in refusal.details.items()}
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=refusal.code, domain=DOMAIN, metadata=facts)]
    if refusal.fields:
        details.append(_bad_request(refusal.fields))
    if refusal.retry_after_s is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromSeconds(refusal.retry_after_s)
        details.append(retry)
    details.append(error_details_pb2.RequestInfo(request_id=request_id.get()))
    return details


def _bad_request(fields: dict[str, str]) -> error_details_pb2.BadRequest:
    """Return the violations of as many fields as fit into MAX_FIELDS_BYTES."""
    request, room = error_details_pb2.BadRequest(), MAX_FIELDS_BYTES
    for name, text in fields.items():
        violation = request.field_violations.add(field=name, description=_cut(text, MAX_FACT_BYTES))
        room -= violation.ByteSize()
        if room < 0:
            request.field_violations.pop()
            break
    return request


def _fact(value: object) -> str:
    return _cut(value if isinstance(value, str) else json.dumps(value), MAX_FACT_BYTES)


def _cut(text: str, length: int) -> str:
    """Return the text cut to at most `length` bytes of UTF-8; characters that UTF-8 can't encode become `?`."""
    return text.encode(errors="replace")[:length].decode(errors="ignore")
