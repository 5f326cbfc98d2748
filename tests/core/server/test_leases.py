"""What keeps a stream open and what ends it: the slot, the token, the rights, the shutdown, a client that reads."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from django.utils import timezone

from core.callers import Caller, TokenExpired, stranger_at
from core.errors import DomainError, RateLimited, Unavailable
from core.rates.limits import StreamSlots
from core.runtime import Runtime, singleton
from core.server.leases import Lease
from core.server.open_calls import OpenCalls
from core.server.rights import Rights
from tests.support.waiting import wait_until


@pytest.fixture
def rights(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Rights:
    """Rights that ask no database of their own accord."""
    rights = runtime.get(Rights)
    monkeypatch.setattr(rights, "_start", lambda: None)
    return rights


@pytest.fixture
def lease(rights: Rights) -> Iterator[Lease]:
    lease = Lease()
    yield lease
    lease.close()


class Grant(NamedTuple):
    expires_at: datetime


def user_at(address: str, pk: int, seconds: float = 60) -> Caller:
    user: Any = SimpleNamespace(pk=pk)
    return Caller(user, address, Grant(timezone.now() + timedelta(seconds=seconds)))


@pytest.mark.live
def test_token_that_expires_ends_the_lease_once(lease: Lease) -> None:
    ends: list[DomainError] = []
    lease.grant(user_at("10.0.0.1", 1, seconds=0.3))
    lease.start(ends.append)
    lease.check()

    wait_until(lambda: ends, "The lease did not end")
    time.sleep(1)

    assert [type(reason) for reason in ends] == [TokenExpired]
    with pytest.raises(TokenExpired):
        lease.check()


def test_token_that_has_expired_lets_no_event_through_before_the_next_look(lease: Lease) -> None:
    lease.grant(user_at("10.0.0.1", 1, seconds=-0.001))

    with pytest.raises(TokenExpired):
        lease.check()


def test_new_token_extends_the_lease(lease: Lease) -> None:
    lease.grant(user_at("10.0.0.1", 1, seconds=-1))
    lease.grant(user_at("10.0.0.1", 1, seconds=60))

    lease.check()


def test_slot_goes_with_the_caller_and_a_refused_one_changes_nothing(lease: Lease, settings: Any) -> None:
    settings.RATE_LIMITS, settings.STREAMS_PER_CALLER = True, 1
    first, second = user_at("10.0.0.1", 1), user_at("10.0.0.1", 2)
    lease.grant(stranger_at("10.0.0.1"))
    lease.grant(first)
    lease.grant(first)  # with a new token, say
    other = Lease()
    other.grant(second)

    with pytest.raises(RateLimited):
        lease.grant(second)
    kept = lease.caller, dict(singleton(StreamSlots)._open)
    lease.close()
    lease.close()
    other.close()

    assert kept == (first, {"user:1": 1, "user:2": 1})
    assert singleton(StreamSlots)._open == {}


def test_shutdown_ends_open_leases_and_those_that_start_later(lease: Lease) -> None:
    ends: list[str] = []
    later, closed = Lease(), Lease()
    lease.start(lambda reason: ends.append("open"))
    closed.start(lambda reason: ends.append("closed"))
    closed.close()

    singleton(OpenCalls).end_all(Unavailable("The server ends"))
    singleton(OpenCalls).end_all(Unavailable("The server ends"))
    later.start(lambda reason: ends.append("later"))
    later.close()

    assert ends == ["open", "later"]
    with pytest.raises(Unavailable, match="The server ends"):
        singleton(OpenCalls).check()


def test_client_that_reads_nothing_is_noticed_once_and_sooner_in_a_shutdown(lease: Lease) -> None:
    stalls: list[str] = []
    lease.on_stall(60, lambda: stalls.append("stalled"), last_message_s=5)

    with lease.sending():
        lease.check_timeouts(time.monotonic() + 6)
        before = list(stalls)
        lease.end_with_server(Unavailable())
        for _ in range(2):
            lease.check_timeouts(time.monotonic() + 6)
    lease.check_timeouts(time.monotonic() + 100)

    assert (before, stalls) == ([], ["stalled"])


def test_silence_is_broken_until_something_is_sent(lease: Lease) -> None:
    heard: list[str] = []
    lease.on_silence(10, lambda: heard.append("heartbeat"))

    lease.check_timeouts(time.monotonic() + 9)
    lease.check_timeouts(time.monotonic() + 11)
    with lease.sending():
        lease.check_timeouts(time.monotonic() + 11)

    assert heard == ["heartbeat"]


def test_rights_of_an_earlier_caller_do_not_end_the_lease(
    lease: Lease, rights: Rights, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease.grant(user_at("10.0.0.1", 1))

    def another_token(grants: set[Any]) -> dict[Any, Any]:
        lease.grant(user_at("10.0.0.1", 1))
        return {}

    monkeypatch.setattr("core.server.rights.present_users", another_token)
    rights.check()
    lease.check()

    monkeypatch.setattr("core.server.rights.present_users", lambda grants: {})
    rights.check()
    with pytest.raises(DomainError, match="sign in again"):
        lease.check()
