"""Registration, and the chains of refresh tokens behind a sign-in."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from accounts import actions
from accounts.actions import end_family, register_user, rotate_family, start_family
from accounts.errors import InvalidToken, UserExists
from accounts.models import TokenFamily, User
from core.errors import InvalidInput
from tests.support.factories import make_user
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db

ADA = {"username": "ada", "email": "Ada@example.com", "password": "correct horse battery"}


# -- Registration -----------------------------------------------------------------------------------------------


def test_registered_user_is_an_active_customer_with_a_hashed_password() -> None:
    user = register_user(**ADA)

    stored = User.objects.get()
    assert stored == user
    assert (stored.username, stored.email) == ("ada", "Ada@example.com")
    assert (stored.is_active, stored.is_staff, stored.is_superuser) == (True, False, False)
    assert "horse" not in stored.password
    assert stored.check_password("correct horse battery")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", ""),
        ("username", "x" * 81),
        ("username", "with space"),
        ("username", "nul\x00"),
        ("username", "lone\ud800"),
        ("email", ""),
        ("email", "no-at-sign"),
        ("email", "two@@example.com"),
        ("email", "x" * 109 + "@example.com"),
        ("email", "ä@example.com"),
        ("email", "a@exämple.com"),
        ("email", "a\x00@example.com"),
        ("email", "a\ud800@example.com"),
        ("password", ""),
        ("password", "short"),
        ("password", "password123"),
        ("password", "19283746564738"),
        ("password", "lone surrogate \ud800"),
    ],
    ids=ascii,
)
def test_bad_field_is_named_and_nobody_is_registered(field: str, value: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        register_user(**ADA | {field: value})

    assert list(refusal.value.fields) == [field]
    assert not User.objects.exists()


def test_password_like_the_name_is_refused() -> None:
    with pytest.raises(InvalidInput) as refusal:
        register_user(username="wellington", email="w@example.com", password="wellington1")

    assert refusal.value.fields == {"password": "The password is too similar to the username."}
    assert not User.objects.exists()


def test_every_bad_field_is_named_at_once() -> None:
    with pytest.raises(InvalidInput) as refusal:
        register_user(username="", email="nobody", password="short")

    assert sorted(refusal.value.fields) == ["email", "password", "username"]


def test_values_at_the_edge_of_every_rule_are_taken() -> None:
    email = "a" * 60 + "@" + "b" * 51 + ".example"

    user = register_user(username="ü" * 80, email=email, password="correct horse battery")

    assert (len(user.username), len(user.email)) == (80, 120)


@pytest.mark.parametrize("email", ["ada@example.com", "ADA@EXAMPLE.COM", "Ada@example.com"])
def test_email_is_taken_in_any_case(email: str) -> None:
    register_user(**ADA)

    with pytest.raises(UserExists) as refusal:
        register_user(**ADA | {"username": "other", "email": email})

    assert refusal.value.fields == {"email": "Email is already registered"}
    assert User.objects.count() == 1


def test_username_is_taken() -> None:
    register_user(**ADA)

    with pytest.raises(UserExists) as refusal:
        register_user(**ADA | {"email": "other@example.com"})

    assert refusal.value.fields == {"username": "Username is already registered"}
    assert (refusal.value.code, refusal.value.status) == ("already_exists", 409)
    assert User.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_eight_registrations_of_one_email_at_once_make_one_user() -> None:
    def register(n: int) -> User:
        return register_user(username=f"ada{n}", email=f"{'ADA' if n % 2 else 'ada'}@example.com", password="a b c d e")

    outcomes = at_once(*[lambda n=n: register(n) for n in range(8)])

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["User"] + ["UserExists"] * 7
    assert User.objects.count() == 1


def test_saved_user_is_checked_by_the_database_alone() -> None:
    make_user(username="ada")

    with pytest.raises(UserExists):
        actions.save_user(User(username="ada", email="x@example.com"))

    assert User.objects.count() == 1


def test_taken_email_is_a_validation_error_for_forms() -> None:
    make_user(email="ada@example.com")

    with pytest.raises(ValidationError) as refusal:
        User(username="b", email="ADA@example.com", password="x").full_clean()

    assert refusal.value.messages == ["Email is already registered."]


# -- Families of refresh tokens ---------------------------------------------------------------------------------


@pytest.fixture
def family() -> TokenFamily:
    return start_family(user=make_user(), jti="first", expires_at=timezone.now() + timedelta(days=1))


def rotate(family: TokenFamily, used: str, following: str) -> Any:
    later = timezone.now() + timedelta(days=2)
    return rotate_family(family_id=family.pk, used_jti=used, next_jti=following, expires_at=later)


def test_rotation_puts_the_next_token_in_the_place_of_the_used_one(family: TokenFamily) -> None:
    before = family.expires_at

    rotate(family, "first", "second")
    rotate(family, "second", "third")

    family.refresh_from_db()
    assert (family.current_jti, family.ended_at) == ("third", None)
    assert family.expires_at > before
    assert str(family) == str(family.pk)


def test_replayed_token_ends_its_family_the_newest_token_included(family: TokenFamily) -> None:
    rotate(family, "first", "second")

    with pytest.raises(InvalidToken):
        rotate(family, "first", "stolen")
    with pytest.raises(InvalidToken):
        rotate(family, "second", "third")

    family.refresh_from_db()
    assert family.current_jti == "second"
    assert family.ended_at is not None


def test_replay_leaves_other_sign_ins_alone(family: TokenFamily) -> None:
    phone = start_family(user=family.user, jti="phone", expires_at=family.expires_at)

    with pytest.raises(InvalidToken):
        rotate(family, "unknown", "next")
    rotate(phone, "phone", "phone 2")

    phone.refresh_from_db()
    assert (phone.current_jti, phone.ended_at) == ("phone 2", None)


def test_ended_family_cannot_be_used_and_ending_it_again_changes_nothing(family: TokenFamily) -> None:
    end_family(family_id=family.pk)
    family.refresh_from_db()
    ended_at = family.ended_at

    end_family(family_id=family.pk)
    with pytest.raises(InvalidToken):
        rotate(family, "first", "second")

    family.refresh_from_db()
    assert (family.ended_at, family.current_jti) == (ended_at, "first")


def test_unknown_family_is_an_invalid_token() -> None:
    with pytest.raises(InvalidToken):
        rotate_family(family_id=uuid4(), used_jti="a", next_jti="b", expires_at=timezone.now())
    end_family(family_id=uuid4())

    assert not TokenFamily.objects.exists()


def test_signing_in_forgets_own_families_that_have_run_out(family: TokenFamily) -> None:
    other = start_family(user=make_user(), jti="other", expires_at=timezone.now() - timedelta(days=1))
    TokenFamily.objects.filter(pk=family.pk).update(expires_at=timezone.now() - timedelta(seconds=1))

    new = start_family(user=family.user, jti="new", expires_at=timezone.now() + timedelta(days=1))

    assert set(TokenFamily.objects.all()) == {other, new}


@pytest.mark.django_db(transaction=True)
def test_of_eight_rotations_at_once_one_succeeds() -> None:
    family = start_family(user=make_user(), jti="first", expires_at=timezone.now() + timedelta(days=1))

    outcomes = at_once(*[lambda n=n: rotate(family, "first", f"next {n}") for n in range(8)])

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["InvalidToken"] * 7 + ["NoneType"]
    family.refresh_from_db()
    assert family.current_jti == f"next {outcomes.index(None)}"
    assert family.ended_at is not None
