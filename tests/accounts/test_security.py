"""Sign-ins of staff: the second factor, failed attempts, and the open sessions."""

from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.errors import WrongPassword
from accounts.models import AdminSession, FailedSignIn, TokenFamily, User
from accounts.tokens import obtain_tokens
from tests.support.factories import make_staff, make_user
from tests.support.pages import messages_of

pytestmark = pytest.mark.django_db

LOGIN, PAGE = "/admin/login/", "/admin/accounts/user/security/"
PASSWORD = "correct horse 7"


@pytest.fixture
def mia() -> User:
    return make_staff(username="mia", password=PASSWORD)


def sign_in(client: Client, password: str = PASSWORD, code: str = "") -> HttpResponse:
    return client.post(LOGIN, {"username": "mia", "password": password, "otp_token": code})


def code_of(device: TOTPDevice, steps: int = 0) -> str:
    """Return the code of now, or of some steps of 30 s later; a device accepts each code once, and one step ahead."""
    return f"{totp(device.bin_key, drift=steps):06}"


def turn_on(client: Client, user: User) -> TOTPDevice:
    client.get(PAGE)
    device = TOTPDevice.objects.get(user=user)
    client.post(PAGE, {"code": code_of(device)})
    device.refresh_from_db()
    return device


def test_sign_in_needs_no_code_until_the_second_factor_is_on(client: Client, mia: User) -> None:
    assert sign_in(client).status_code == 302
    page = client.get(PAGE).content.decode()
    assert "The second factor is off." in page
    assert TOTPDevice.objects.get(user=mia).confirmed is False
    client.logout()

    assert sign_in(client).status_code == 302


def test_second_factor_asks_for_a_code_that_is_valid_once(client: Client, mia: User) -> None:
    client.force_login(mia)
    device = turn_on(client, mia)
    assert device.confirmed
    assert code_of(device) not in client.get(PAGE).content.decode()
    client.logout()

    page = sign_in(client).content.decode()
    assert "Enter the code of your authenticator app." in page
    assert PASSWORD not in page
    assert "The code is wrong or was used already." in sign_in(client, code=code_of(device)).content.decode()
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    assert sign_in(client, code=code_of(device, steps=1)).status_code == 302


def test_wrong_password_does_not_say_whether_there_is_a_second_factor(client: Client, mia: User) -> None:
    client.force_login(mia)
    turn_on(client, mia)
    client.logout()

    assert "authenticator app." not in sign_in(client, "wrong").content.decode()


def test_wrong_code_turns_nothing_on(client: Client, mia: User) -> None:
    client.force_login(mia)
    client.get(PAGE)

    response = client.post(PAGE, {"code": "000000"})

    assert messages_of(response) == ["The code is wrong or was used already. Wait for the next one."]
    assert TOTPDevice.objects.get().confirmed is False


def test_second_factor_is_turned_off_with_a_code(client: Client, mia: User) -> None:
    client.force_login(mia)
    device = turn_on(client, mia)

    client.post(PAGE, {"code": code_of(device, steps=1)})

    assert not TOTPDevice.objects.filter(confirmed=True).exists()


def test_owner_is_told_about_failed_attempts_in_the_admin_and_over_the_apis(client: Client, mia: User) -> None:
    for _ in range(2):
        sign_in(client, "wrong")
    with pytest.raises(WrongPassword):
        obtain_tokens(username="MIA", password="wrong")
    sign_in(client, "wrong")
    assert FailedSignIn.objects.count() == 4

    [text] = messages_of(sign_in(client))

    assert text.startswith("Since your last sign-in, 4 attempts with your name failed, the last at ")
    assert "127.0.0.1" in text
    client.logout()
    assert messages_of(sign_in(client)) == []


def test_owner_is_told_about_one_failed_attempt(client: Client, mia: User) -> None:
    sign_in(client, "wrong")

    [text] = messages_of(sign_in(client))

    assert text.startswith("Since your last sign-in, 1 attempt with your name failed, ")


def test_owner_is_told_from_which_address_a_wrong_code_came(client: Client, mia: User) -> None:
    client.force_login(mia)
    device = turn_on(client, mia)
    client.logout()
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert sign_in(elsewhere, code="000000").status_code == 200
    assert sign_in(elsewhere).status_code == 200  # a missing code is not a wrong one
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)

    [text] = messages_of(sign_in(client, code=code_of(device, steps=1)))

    assert text.startswith("Since your last sign-in, 1 attempt with your name failed, ")
    assert text.endswith(" from 192.0.2.7. If it was not you, change your password.")


def test_sessions_are_listed_and_ended(mia: User) -> None:
    here, there = Client(), Client(headers={"User-Agent": "Phone"})
    sign_in(here)
    sign_in(there)
    family = TokenFamily.objects.get(user=mia) if obtain_tokens(username="mia", password=PASSWORD) else None
    page = here.get(PAGE).content.decode()
    assert "Phone" in page
    names = [part.partition('"')[0] for part in page.split('name="end" value="')[1:]]
    assert len(names) == 2

    for name in names:
        here.post(PAGE, {"end": name})

    assert there.get(PAGE).status_code == 302
    assert here.get(PAGE).status_code == 200
    family.refresh_from_db()
    assert family.ended_at is not None


@pytest.mark.parametrize("name", ["", "session:x", "tokens:x", "session:999999", f"session:{'9' * 5_000}", "nonsense"])
def test_unknown_sign_in_ends_none(client: Client, mia: User, name: str) -> None:
    client.force_login(mia)

    response = client.post(PAGE, {"end": name})

    assert response.status_code == 302
    assert messages_of(response) == ["This sign-in had ended already."]
    assert client.get(PAGE).status_code == 200


def test_expired_session_is_not_listed_as_open(mia: User) -> None:
    here, there = Client(), Client(headers={"User-Agent": "Phone"})
    sign_in(there)
    Session.objects.update(expire_date=timezone.now())
    sign_in(here)

    page = here.get(PAGE).content.decode()

    assert "Phone" not in page
    assert "This one" in page


def test_prune_deletes_expired_sessions(mia: User, capsys: pytest.CaptureFixture[str]) -> None:
    here, there = Client(), Client()
    sign_in(there)
    Session.objects.update(expire_date=timezone.now())
    sign_in(here)

    call_command("prune")

    assert "Deleted 1 expired sessions." in capsys.readouterr().out
    assert Session.objects.get().pk == AdminSession.objects.get().session_key == here.cookies["sessionid"].value


def test_failure_during_a_sign_in_is_reported_at_the_next_one(client: Client, mia: User) -> None:
    sign_in(client, "wrong")

    def fail_before_delete(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("DELETE") and FailedSignIn._meta.db_table in sql and FailedSignIn.objects.count() == 1:
            FailedSignIn.objects.create(user=mia, address="192.0.2.7")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fail_before_delete):
        [first] = messages_of(sign_in(client))
    client.logout()
    [second] = messages_of(sign_in(client))

    assert "1 attempt with your name failed" in first
    assert "1 attempt with your name failed" in second
    assert "192.0.2.7" in second


def test_post_of_nothing_changes_nothing(client: Client, mia: User) -> None:
    client.force_login(mia)

    response = client.post(PAGE, {})

    assert (response.status_code, response.url) == (302, PAGE)
    assert client.get(PAGE).status_code == 200


def test_sign_ins_of_others_are_not_ended(client: Client, mia: User) -> None:
    other = Client()
    sign_in(other)
    names = other.get(PAGE).context["sessions"]
    client.force_login(make_staff())

    client.post(PAGE, {"end": f"session:{names[0].pk}"})

    assert other.get(PAGE).status_code == 200


def test_customer_is_sent_to_the_sign_in(client: Client) -> None:
    client.force_login(make_user())
    response: Any = client.get(PAGE)

    assert response.url == f"/admin/login/?next={PAGE}"
