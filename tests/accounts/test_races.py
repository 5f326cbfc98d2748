"""One refresh token sent by many at once, over sockets, to two server processes."""

from collections import Counter

import httpx
import pytest

from accounts.models import TokenFamily
from accounts.tokens import obtain_tokens
from tests.support.factories import make_user
from tests.support.live import Shop
from tests.support.threads import at_once

pytestmark = pytest.mark.unmeasured


@pytest.fixture(scope="module")
def shop(live_shops) -> Shop:
    return live_shops(processes=2)


def test_eight_refreshes_of_one_token_succeed_once_and_end_the_family(shop):
    with shop.database():
        make_user(username="ada", password="right")
        refresh = obtain_tokens(username="ada", password="right").refresh

    answers = at_once(
        *[
            lambda url=shop.urls[n % 2]: httpx.post(f"{url}/api/v1/auth/token/refresh", json={"refresh": refresh})
            for n in range(8)
        ]
    )

    assert Counter(answer.status_code for answer in answers) == {200: 1, 401: 7}
    newest = next(answer.json()["refresh"] for answer in answers if answer.status_code == 200)
    assert httpx.post(f"{shop.url}/api/v1/auth/token/refresh", json={"refresh": newest}).status_code == 401
    with shop.database():
        assert TokenFamily.objects.get().ended_at is not None


def test_eight_registrations_of_one_email_make_one_user(shop):
    people = [
        {"username": f"bob{n}", "email": "bob@example.com" if n % 2 else "BOB@example.com", "password": "horse battery"}
        for n in range(8)
    ]

    answers = at_once(
        *[lambda n=n: httpx.post(f"{shop.urls[n % 2]}/api/v1/users", json=people[n], timeout=30) for n in range(8)]
    )

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 7}
