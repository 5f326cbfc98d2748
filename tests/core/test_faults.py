"""Exceptions of Django, DRF and the database as refusals; an unexpected one tells the client nothing."""

from typing import Any

import pytest
from django.core.exceptions import DisallowedHost, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404
from rest_framework import exceptions

from core.errors import DomainError, NotFound
from core.faults import as_domain_error, refusal_for
from core.serializers import one_text_a_field


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (NotFound("Product 7 not found"), "not_found", "Product 7 not found"),
        (Http404("secret"), "not_found", "Resource not found"),
        (PermissionDenied("secret"), "forbidden", None),
        (RequestDataTooBig("secret"), "too_large", "Body max is 77 bytes"),
        (SuspiciousOperation("secret"), "invalid_input", "The request is malformed"),
        (exceptions.NotAuthenticated("secret"), "unauthenticated", None),
        (exceptions.MethodNotAllowed("BREW"), "method_not_allowed", 'Method "BREW" not allowed.'),
        (exceptions.ParseError("Broken"), "invalid_input", "Broken"),
        (exceptions.Throttled(), None, None),  # DRF's limits are not in use
        (RuntimeError("secret"), None, None),
    ],
)
def test_exception_is_a_refusal_or_none(settings: Any, error: Exception, code: str | None, message: str | None) -> None:
    settings.MAX_BODY_BYTES = 77

    refusal = as_domain_error(error)

    assert (refusal and refusal.code) == code
    assert message is None or str(refusal.message if refusal else "") == message
    assert refusal is None or "secret" not in refusal.message


def test_refusal_of_a_host_does_not_repeat_it() -> None:
    refusal = as_domain_error(DisallowedHost("Invalid HTTP_HOST header: 'evil.example'."))

    assert refusal is not None
    assert (refusal.code, refusal.message) == ("invalid_input", "This host is not served here")


def test_fields_of_a_validation_error_are_kept() -> None:
    refusal = as_domain_error(exceptions.ValidationError({"name": ["Too long", "Odd"]}))

    assert refusal is not None
    assert (refusal.code, list(refusal.fields)) == ("invalid_input", ["name"])


@pytest.mark.parametrize(
    ("detail", "fields"),
    [
        ({"items": [{}, {"quantity": ["Too few"]}]}, {"items[1].quantity": "Too few"}),
        ({"rows": {0: {"name": ["Odd"]}}}, {"rows[0].name": "Odd"}),
        ([["Odd"], ["Even"]], {"[0]": "Odd", "[1]": "Even"}),
        (["Odd"], {"non_field_errors": "Odd"}),
        ({"name": []}, {}),
    ],
)
def test_nested_faults_have_the_path_of_their_field(detail: Any, fields: dict[str, str]) -> None:
    assert one_text_a_field(detail) == fields


@pytest.mark.parametrize(("where", "logged"), [("", "Unhandled error"), ("orders.items", "Unhandled error at orders")])
def test_unexpected_exception_is_logged_and_tells_nothing(
    caplog: pytest.LogCaptureFixture, where: str, logged: str
) -> None:
    refusal = refusal_for(RuntimeError("secret"), where)

    assert (type(refusal), refusal.code) == (DomainError, "internal")
    assert "secret" not in refusal.message
    assert logged in caplog.text
    assert "secret" in caplog.text
