"""Users and tokens over gRPC."""

import pytest

from accounts.models import User
from protos import account_pb2 as pb
from tests.factories import make_staff, make_user

pytestmark = pytest.mark.django_db
ADA = {"username": "ada", "email": "Ada@example.com", "password": "correct horse battery"}
CREDENTIALS = {"username": "ada", "password": ADA["password"]}


def test_registered_user_signs_in_and_is_known(rpc):
    registered = rpc().call("RegisterUser", **ADA).user
    access = rpc().call("ObtainToken", **CREDENTIALS).access

    me = rpc(token=access).call("GetMe").user

    user = User.objects.get()
    created_at = int(user.created_at.timestamp())
    assert me == registered == pb.User(id=user.pk, username="ada", email="Ada@example.com", created_at=created_at)


def test_invalid_registration_is_refused_by_field(rpc):
    refusal = rpc().refusal("RegisterUser", username="", email="nobody", password="short")

    assert (refusal.code, refusal.reason) == ("INVALID_ARGUMENT", "invalid_input")
    assert {"username": "Username is required", "email": "Valid email is required"}.items() <= refusal.fields.items()
    assert not User.objects.exists()


def test_taken_email_is_refused(rpc):
    make_user(email="ada@EXAMPLE.com")

    refusal = rpc().refusal("RegisterUser", **ADA)

    assert (refusal.code, refusal.fields) == ("ALREADY_EXISTS", {"email": "Email is already registered"})
    assert User.objects.count() == 1


@pytest.mark.parametrize("password", ["wrong", "x" * 128])
def test_wrong_password_is_unauthenticated(rpc, password):
    make_user(username="ada", password="right")

    refusal = rpc().refusal("ObtainToken", username="ada", password=password)

    assert refusal[:3] == ("UNAUTHENTICATED", "Invalid username or password", "unauthenticated")


def test_empty_credentials_are_named(rpc):
    assert set(rpc().refusal("ObtainToken").fields) == {"username", "password"}


def test_refresh_token_works_once_and_its_reuse_ends_the_sign_in(rpc):
    make_user(username="ada", password="right")
    client = rpc()
    first = client.call("ObtainToken", username="ada", password="right")
    second = client.call("RefreshToken", refresh=first.refresh)

    assert rpc(token=second.access).call("GetMe").user.username == "ada"
    assert client.refusal("RefreshToken", refresh=first.refresh)[:2] == ("UNAUTHENTICATED", "Invalid token")
    assert client.refusal("RefreshToken", refresh=second.refresh)[:2] == ("UNAUTHENTICATED", "Invalid token")


def test_revoked_token_is_refused(rpc):
    make_user(username="ada", password="right")
    client = rpc()
    tokens = client.call("ObtainToken", username="ada", password="right")

    assert client.call("RevokeToken", refresh=tokens.refresh) == pb.RevokeTokenResponse()
    assert client.refusal("RefreshToken", refresh=tokens.refresh).code == "UNAUTHENTICATED"
    assert list(client.refusal("RevokeToken").fields) == ["refresh"]


def test_sign_ins_have_a_budget_of_their_own(rpc, settings):
    settings.RATE_LIMITS, settings.RATE_SIGN_IN_PER_MINUTE = True, 2
    client = rpc()
    for _ in range(2):
        assert client.refusal("ObtainToken", **CREDENTIALS).code == "UNAUTHENTICATED"

    refusal = client.refusal("ObtainToken", **CREDENTIALS)

    assert (refusal.code, refusal.reason) == ("RESOURCE_EXHAUSTED", "rate_limited")
    assert 1 <= refusal.retry_after_s <= 60


def test_user_is_for_that_user_and_staff(rpc):
    user = make_user()

    for client in (rpc(user), rpc(make_staff())):
        assert client.call("GetUser", id=user.pk).user.username == user.username
    assert rpc(make_user()).refusal("GetUser", id=user.pk)[:2] == ("NOT_FOUND", f"User {user.pk} not found")
    assert rpc().refusal("GetUser", id=user.pk).code == "UNAUTHENTICATED"
    assert rpc().refusal("GetMe").code == "UNAUTHENTICATED"


def test_list_of_users_is_for_staff(rpc):
    users = [make_user() for _ in range(3)]
    staff = make_staff()

    answer = rpc(staff).call("ListUsers", page=2, page_size=2)

    assert [user.id for user in answer.users] == [users[2].pk, staff.pk]
    assert (answer.total, answer.page, answer.total_pages) == (4, 2, 2)
    assert rpc(users[0]).refusal("ListUsers").code == "PERMISSION_DENIED"
    assert rpc().refusal("ListUsers").code == "UNAUTHENTICATED"
