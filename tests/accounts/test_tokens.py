"""How a caller is known: tokens that end when they should, and nothing else that passes for one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts.errors import InvalidToken, WrongPassword
from accounts.models import TokenFamily, User
from accounts.tokens import TokenPair, obtain_tokens, revoke_tokens, rotate_tokens, user_of
from tests.support.factories import make_user
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


@pytest.fixture
def ada() -> User:
    return make_user(username="ada", password=PASSWORD)


@pytest.fixture
def pair(ada: User) -> TokenPair:
    return obtain_tokens(username="ada", password=PASSWORD)


# -- Signing in -------------------------------------------------------------------------------------------------


def test_signing_in_gives_tokens_of_that_user(ada: User) -> None:
    pair = obtain_tokens(username="ada", password=PASSWORD)

    assert user_of(pair.access) == ada
    family = TokenFamily.objects.get()
    assert (family.user, family.ended_at) == (ada, None)
    assert timedelta(days=13) < family.expires_at - timezone.now() <= timedelta(days=14)


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("ada", "wrong"),
        ("ada", ""),
        ("", PASSWORD),
        ("nobody", PASSWORD),
        ("ada\x00", PASSWORD),
        ("ada\ud800", PASSWORD),
        ("ada", PASSWORD + "\x00"),
        ("ada", PASSWORD + "\ud800"),
        ("x" * 10_000, PASSWORD),
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_wrong_name_and_wrong_password_get_the_same_answer(ada: User, username: str, password: str) -> None:
    with pytest.raises(WrongPassword) as refusal:
        obtain_tokens(username=username, password=password)

    assert (refusal.value.status, refusal.value.message) == (401, "Invalid username or password")
    assert not TokenFamily.objects.exists()


def test_inactive_user_cannot_sign_in(ada: User) -> None:
    User.objects.update(is_active=False)

    with pytest.raises(WrongPassword):
        obtain_tokens(username="ada", password=PASSWORD)

    assert not TokenFamily.objects.exists()


def test_user_without_a_password_cannot_sign_in() -> None:
    make_user(username="imported")

    with pytest.raises(WrongPassword):
        obtain_tokens(username="imported", password="")

    assert not TokenFamily.objects.exists()


# -- Refreshing -------------------------------------------------------------------------------------------------


def test_refresh_token_gives_a_new_pair_once(ada: User, pair: TokenPair) -> None:
    fresh = rotate_tokens(refresh=pair.refresh)

    assert user_of(fresh.access) == ada
    assert fresh.refresh != pair.refresh
    assert TokenFamily.objects.get().current_jti == RefreshToken(fresh.refresh.encode())["jti"]
    assert rotate_tokens(refresh=fresh.refresh).refresh not in (pair.refresh, fresh.refresh)


def test_replayed_refresh_token_ends_the_sign_in(pair: TokenPair) -> None:
    fresh = rotate_tokens(refresh=pair.refresh)

    for token in (pair.refresh, fresh.refresh):
        with pytest.raises(InvalidToken):
            rotate_tokens(refresh=token)

    assert TokenFamily.objects.get().ended_at is not None


def test_revoked_sign_in_gives_no_more_tokens(pair: TokenPair) -> None:
    fresh = rotate_tokens(refresh=pair.refresh)

    revoke_tokens(refresh=pair.refresh)  # an older one of the family is as good
    revoke_tokens(refresh=fresh.refresh)

    with pytest.raises(InvalidToken):
        rotate_tokens(refresh=fresh.refresh)


def test_access_token_ends_with_its_sign_in(ada: User, pair: TokenPair) -> None:
    other = obtain_tokens(username="ada", password=PASSWORD)

    revoke_tokens(refresh=pair.refresh)

    with pytest.raises(InvalidToken):
        user_of(pair.access)
    assert user_of(other.access) == ada


def test_sign_ins_are_revoked_one_by_one(ada: User, pair: TokenPair) -> None:
    phone = obtain_tokens(username="ada", password=PASSWORD)

    revoke_tokens(refresh=pair.refresh)

    assert user_of(rotate_tokens(refresh=phone.refresh).access) == ada


@pytest.mark.django_db(transaction=True)
def test_of_eight_refreshes_at_once_one_succeeds(pair: TokenPair) -> None:
    outcomes = at_once(*[lambda: rotate_tokens(refresh=pair.refresh)] * 8)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["InvalidToken"] * 7 + ["TokenPair"]
    (winner,) = [outcome for outcome in outcomes if isinstance(outcome, TokenPair)]
    with pytest.raises(InvalidToken):
        rotate_tokens(refresh=winner.refresh)


# -- What ends tokens -------------------------------------------------------------------------------------------


def use_all(pair: TokenPair) -> list[Callable[[], Any]]:
    return [lambda: user_of(pair.access), lambda: rotate_tokens(refresh=pair.refresh)]


def test_changed_password_ends_every_token(ada: User, pair: TokenPair) -> None:
    ada.set_password("another horse battery")
    ada.save()

    for use in use_all(pair):
        with pytest.raises(InvalidToken):
            use()
    assert user_of(obtain_tokens(username="ada", password="another horse battery").access) == ada


def test_inactive_user_has_no_valid_token(pair: TokenPair) -> None:
    User.objects.update(is_active=False)

    for use in use_all(pair):
        with pytest.raises(InvalidToken):
            use()
    User.objects.update(is_active=True)
    assert user_of(pair.access).username == "ada"


def test_deleted_user_has_no_valid_token(ada: User, pair: TokenPair) -> None:
    ada.delete()

    for use in use_all(pair):
        with pytest.raises(InvalidToken):
            use()
    assert not TokenFamily.objects.exists()


# -- What is no token -------------------------------------------------------------------------------------------


def signed(claims: dict[str, Any], *, key: str | None = None, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, settings.SECRET_KEY if key is None else key, algorithm=algorithm)


def claims_of(raw: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(raw, options={"verify_signature": False})
    return claims


def forged(pair: TokenPair, kind: str) -> str:
    """Return `pair`'s token of that kind with one thing wrong."""
    raw = pair.access
    claims = claims_of(raw)
    makers: dict[str, Callable[[], str]] = {
        "empty": lambda: "",
        "garbage": lambda: "garbage",
        "dots": lambda: "a.b.c",
        "not ASCII": lambda: "é.ü.ß",
        "surrogate": lambda: "\ud800",
        "NUL": lambda: raw + "\x00",
        "cut short": lambda: raw[:-1],
        "unsigned": lambda: jwt.encode(claims, None, algorithm="none"),
        "another key": lambda: signed(claims, key="k" * 50),
        "another algorithm": lambda: signed(claims, algorithm="HS384"),
        "expired": lambda: signed(claims | {"exp": 1}),
        "no user": lambda: signed({name: claims[name] for name in claims if name != "user_id"}),
        "user that is no number": lambda: signed(claims | {"user_id": "ada"}),
        "user that is nothing": lambda: signed(claims | {"user_id": None}),
        "user beyond every id": lambda: signed(claims | {"user_id": "9" * 30}),
        "no password mark": lambda: signed({name: claims[name] for name in claims if name != "pw"}),
        "no id": lambda: signed({name: claims[name] for name in claims if name != "jti"}),
    }
    return makers[kind]()


FORGERIES = """empty, garbage, dots, not ASCII, surrogate, NUL, cut short, unsigned, another key, another algorithm,
expired, no user, user that is no number, user that is nothing, user beyond every id, no password mark, no id"""


@pytest.mark.parametrize("kind", [kind.strip() for kind in FORGERIES.split(",")])
def test_what_is_no_token_of_ours_is_refused(pair: TokenPair, kind: str) -> None:
    token = forged(pair, kind)

    with pytest.raises(InvalidToken) as refusal:
        user_of(token)
    with pytest.raises(InvalidToken):
        rotate_tokens(refresh=token)
    with pytest.raises(InvalidToken):
        revoke_tokens(refresh=token)

    assert (refusal.value.status, refusal.value.message) == (401, "Invalid token")
    assert TokenFamily.objects.get().ended_at is None


def test_access_token_is_no_refresh_token_and_the_other_way_round(ada: User, pair: TokenPair) -> None:
    for wrong in (
        lambda: user_of(pair.refresh),
        lambda: rotate_tokens(refresh=pair.access),
        lambda: revoke_tokens(refresh=pair.access),
    ):
        with pytest.raises(InvalidToken):
            wrong()

    assert user_of(rotate_tokens(refresh=pair.refresh).access) == ada


@pytest.mark.parametrize("family", ["nonsense", 5, None], ids=repr)
def test_refresh_token_without_a_family_is_refused(pair: TokenPair, family: Any) -> None:
    claims = claims_of(pair.refresh)
    without = {name: claims[name] for name in claims if name != "family"}

    for token in (signed(without), signed(claims | {"family": family})):
        with pytest.raises(InvalidToken):
            rotate_tokens(refresh=token)
        with pytest.raises(InvalidToken):
            revoke_tokens(refresh=token)

    assert TokenFamily.objects.get().ended_at is None


def test_knowing_the_caller_takes_one_query(pair: TokenPair) -> None:
    with CaptureQueriesContext(connection) as queries:
        user_of(pair.access)

    assert len(queries) == 1


def test_tokens_say_nothing_secret(ada: User, pair: TokenPair) -> None:
    claims = claims_of(pair.access)

    assert set(claims) == {"token_type", "exp", "iat", "jti", "user_id", "pw", "family"}
    assert claims["pw"] not in ada.password
    assert AccessToken(pair.access.encode())["user_id"] == str(ada.pk)
