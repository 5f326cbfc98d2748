"""Users and tokens over gRPC."""

import pytest

from accounts.models import User
from protos import account_pb2 as pb
from tests.support.factories import make_user

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
