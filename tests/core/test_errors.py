"""The one catalogue of refusals, written out once more by hand from the contract."""

import pytest
from django.contrib.auth.models import AnonymousUser

from accounts.errors import InvalidToken, UserExists, UserNotFound, WrongPassword
from accounts.models import User
from catalog.errors import ProductChanged, ProductNotFound, SkuTaken, StaleProduct
from core import errors
from core.errors import CATALOGUE, DomainError, Forbidden, InvalidInput, Unauthenticated
from core.permissions import anyone, is_staff, require
from orders.errors import InvalidTransition, OrderNotFound, OutOfStock, UnknownProduct

CONTRACT = {
    "invalid_input": (400, "INVALID_ARGUMENT"),
    "unauthenticated": (401, "UNAUTHENTICATED"),
    "forbidden": (403, "PERMISSION_DENIED"),
    "not_found": (404, "NOT_FOUND"),
    "method_not_allowed": (405, "UNIMPLEMENTED"),
    "not_acceptable": (406, "UNIMPLEMENTED"),
    "unsupported_media_type": (415, "UNIMPLEMENTED"),
    "already_exists": (409, "ALREADY_EXISTS"),
    "version_mismatch": (409, "ABORTED"),
    "in_use": (409, "FAILED_PRECONDITION"),
    "out_of_stock": (409, "FAILED_PRECONDITION"),
    "invalid_transition": (409, "FAILED_PRECONDITION"),
    "idempotency_mismatch": (409, "ALREADY_EXISTS"),
    "in_progress": (409, "ABORTED"),
    "cursor_expired": (410, "OUT_OF_RANGE"),
    "too_large": (413, "RESOURCE_EXHAUSTED"),
    "too_complex": (400, "INVALID_ARGUMENT"),
    "rate_limited": (429, "RESOURCE_EXHAUSTED"),
    "unavailable": (503, "UNAVAILABLE"),
    "internal": (500, "INTERNAL"),
}


def test_catalogue_is_the_contracts() -> None:
    assert {code: (status.http, status.grpc) for code, status in CATALOGUE.items()} == CONTRACT


def test_every_refusal_has_a_code_of_the_catalogue() -> None:
    def family(kind: type[DomainError]) -> set[type[DomainError]]:
        return {kind}.union(*(family(child) for child in kind.__subclasses__()))

    assert {kind.code for kind in family(DomainError)} <= set(CATALOGUE)


@pytest.mark.parametrize(
    ("refusal", "code", "status", "message"),
    [
        (errors.NotFound(), "not_found", 404, "Resource not found"),
        (errors.Unauthenticated(), "unauthenticated", 401, "Authorization required"),
        (errors.RateLimited(), "rate_limited", 429, "Rate limit exceeded"),
        (errors.PreconditionFailed(), "version_mismatch", 412, "Version mismatch"),
        (errors.AlreadyExists(), "already_exists", 409, "Already exists"),
        (InvalidToken(), "unauthenticated", 401, "Invalid token"),
        (WrongPassword(), "unauthenticated", 401, "Invalid username or password"),
        (UserNotFound(), "not_found", 404, "Resource not found"),
        (UserExists(fields={"email": "Taken"}), "already_exists", 409, "Taken"),
        (ProductNotFound(), "not_found", 404, "Resource not found"),
        (SkuTaken(), "already_exists", 409, "SKU is already taken"),
        (StaleProduct(expected=1, version=3), "version_mismatch", 409, "Version is 3, not 1"),
        (ProductChanged("Tag", version=3), "version_mismatch", 412, "Tag does not match the current product"),
        (OrderNotFound(), "not_found", 404, "Resource not found"),
        (UnknownProduct([9, 4]), "invalid_input", 400, "Product 4 does not exist; Product 9 does not exist"),
        (OutOfStock({9: 0, 4: 2}), "out_of_stock", 409, "Product 4 has 2 left; Product 9 has 0 left"),
        (InvalidTransition(), "invalid_transition", 409, "Invalid transition"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, DomainError) else "",
)
def test_refusal_says_what_it_is(refusal: DomainError, code: str, status: int, message: str) -> None:
    assert (refusal.code, refusal.status, refusal.message, str(refusal)) == (code, status, message, message)


def test_refusal_of_fields_is_worded_by_them() -> None:
    refusal = InvalidInput(fields={"name": "Name is required", "price": "Valid price is required"})

    assert refusal.message == "Name is required; Valid price is required"
    assert InvalidInput("Name and price required", fields=refusal.fields).message == "Name and price required"


def test_strangers_are_asked_who_they_are_and_known_callers_are_refused() -> None:
    require(AnonymousUser(), anyone)

    with pytest.raises(Unauthenticated):
        require(AnonymousUser(), is_staff)
    with pytest.raises(Forbidden):
        require(User(), is_staff)
    assert [is_staff(user) for user in (AnonymousUser(), User(), User(is_staff=True))] == [False, False, True]
