"""One budget of requests a minute for each caller, over all processes."""

import itertools
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.breaker import Breaker
from core.errors import RateLimited
from core.models import RateCounter
from core.rates import limits
from core.rates.addresses import client_address, counted_address, unmapped
from core.rates.limits import BudgetShares
from core.rates.redis_counters import used_after
from core.runtime import Runtime, begin_runtime, singleton
from tests.support.live import free_port
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db

MINUTE = 60 * 1_000_000


class Clock:
    """A clock that stands still, so that no test runs into the next minute."""

    def __init__(self) -> None:
        self.now = MINUTE + 15.0

    def time(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(limits, "time", clock)
    return clock


@pytest.fixture(autouse=True)
def counted_in_the_database(request: pytest.FixtureRequest, settings: Any) -> None:
    settings.RATE_LIMITS = True
    if "requires_redis" not in request.fixturenames:
        settings.REDIS_URL = ""


@pytest.fixture
def caller() -> str:
    """An address nobody else has, in Redis either."""
    return uuid4().hex


def spend(count: int, *, address: str = "192.0.2.1", user_id: int | None = None) -> int:
    """Try so many requests and return how many passed."""
    passed = 0
    for _ in range(count):
        try:
            limits.spend_request(user_id=user_id, address=address)
        except RateLimited:
            continue
        passed += 1
    return passed


# -- One process ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (None, None),
        (("192.0.2.1", 9), ("192.0.2.1", 9)),
        (("::ffff:192.0.2.1", 9), ("192.0.2.1", 9)),
        (("2001:db8::1", 9), ("2001:db8::1", 9)),
    ],
)
def test_mapped_address_is_that_of_ipv4(client, expected):
    assert unmapped(client) == expected


def test_stranger_has_600_requests_a_minute() -> None:
    assert spend(600) == 600

    with pytest.raises(RateLimited) as refusal:
        limits.spend_request(user_id=None, address="192.0.2.1")

    assert (refusal.value.status, refusal.value.message) == (429, "Rate limit exceeded")
    assert refusal.value.retry_after_s == 45
    assert spend(50) == 0


def test_signed_in_caller_has_3000_whatever_the_address() -> None:
    assert spend(1500, user_id=1, address="192.0.2.1") == 1500
    assert spend(1600, user_id=1, address="192.0.2.2") == 1500


def test_budgets_are_apart() -> None:
    spend(601, address="192.0.2.1")

    assert spend(1, address="192.0.2.1") == 0
    assert spend(1, address="192.0.2.2") == 1
    assert spend(1, address="192.0.2.1", user_id=1) == 1
    assert spend(1, address="192.0.2.1", user_id=2) == 1


@pytest.mark.parametrize(
    ("seconds_into_the_minute", "retry_after_s"), [(0.0, 60), (0.001, 60), (30.0, 30), (30.5, 30), (59.999, 1)]
)
def test_retry_after_is_the_rest_of_the_minute(
    clock: Clock, seconds_into_the_minute: float, retry_after_s: int
) -> None:
    clock.now = MINUTE + seconds_into_the_minute
    spend(600)

    with pytest.raises(RateLimited) as refusal:
        limits.spend_request(user_id=None, address="192.0.2.1")

    assert refusal.value.retry_after_s == retry_after_s


def test_next_minute_has_a_budget_of_its_own(clock: Clock) -> None:
    spend(601)

    clock.now += 45

    assert spend(601) == 600


@pytest.mark.parametrize("limit", [1, 5, 19, 20, 21, 601])
def test_budget_is_exact_whatever_its_size(settings: Any, limit: int) -> None:
    settings.RATE_ANONYMOUS_PER_MINUTE = limit

    assert spend(limit + 10) == limit


def test_budget_of_nothing_lets_nobody_pass(settings: Any) -> None:
    settings.RATE_ANONYMOUS_PER_MINUTE = 0

    assert spend(3) == 0


def test_limits_that_are_off_cost_and_refuse_nothing(settings: Any) -> None:
    settings.RATE_LIMITS = False

    with CaptureQueriesContext(connection) as queries:
        assert spend(700) == 700
        for _ in range(30):
            limits.spend_sign_in(name="ada", address="192.0.2.1")

    assert len(queries) == 0


# -- Sign-in and registration -----------------------------------------------------------------------------------


def try_sign_in(name: str, address: str) -> bool:
    try:
        limits.spend_sign_in(name=name, address=address)
    except RateLimited:
        return False
    return True


def test_address_has_20_sign_ins_a_minute_whatever_the_names() -> None:
    tries = [try_sign_in(f"user{n}", "192.0.2.1") for n in range(22)]

    assert tries == [True] * 20 + [False] * 2


def test_name_has_100_sign_ins_a_minute_from_all_addresses_and_in_any_form() -> None:
    forms = ("Zo\u00eb", "zoe\u0308", "\uff3a\uff4f\u00eb")
    tries = [try_sign_in(forms[n % 3], f"192.0.2.{n}") for n in range(102)]

    assert tries == [True] * 100 + [False] * 2
    assert try_sign_in("bob", "192.0.2.199")


def test_one_guesser_does_not_lock_the_owner_of_a_name_out() -> None:
    tries = [try_sign_in("ada", "192.0.2.1") for _ in range(200)]

    assert tries == [True] * 20 + [False] * 180
    assert [try_sign_in("ada", "192.0.2.2") for _ in range(21)] == [True] * 20 + [False]


def test_sign_ins_leave_the_budget_of_requests_alone() -> None:
    for _ in range(25):
        try_sign_in("ada", "192.0.2.1")

    assert spend(600) == 600


def test_name_of_any_characters_is_counted() -> None:
    name = "\ud800\x00" + "x" * 10_000

    assert [try_sign_in(name, f"192.0.2.{n}") for n in range(101)] == [True] * 100 + [False]


# -- Addresses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:c000:201", "192.0.2.1"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_budgets_count_an_ipv6_client_by_its_64(address: str, counted: str) -> None:
    assert counted_address(address) == counted


def test_addresses_of_one_64_share_every_budget() -> None:
    addresses = [f"2001:db8:1:2:{n:x}::1" for n in range(700)]

    assert sum(spend(1, address=address) for address in addresses) == 600
    assert sum(try_sign_in(f"user{n}", address) for n, address in enumerate(addresses[:60])) == 20
    assert spend(1, address="2001:db8:1:3::1") == 1


def test_addresses_of_one_64_share_the_limit_of_streams(settings: Any) -> None:
    settings.STREAMS_PER_CALLER = 2
    releases = [limits.hold_stream(user_id=None, address=f"2001:db8::{n}") for n in (1, 2)]

    with pytest.raises(RateLimited):
        limits.hold_stream(user_id=None, address="2001:db8::3")
    limits.hold_stream(user_id=None, address="2001:db8:0:1::1")()

    for release in releases:
        release()
    limits.hold_stream(user_id=None, address="2001:db8::3")()


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded_for", "client"),
    [
        ("", "127.0.0.1", ["203.0.113.9"], "127.0.0.1"),
        ("10.0.0.1", "127.0.0.1", ["203.0.113.9"], "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", "127.0.0.1", ["198.51.100.7, 203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", "127.0.0.1", ["198.51.100.7", "203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1,10.0.0.0/8", "10.1.2.3", ["198.51.100.7, 203.0.113.9, 10.9.9.9"], "203.0.113.9"),
        ("10.0.0.0/8", "10.1.2.3", ["10.0.0.7, 10.0.0.8"], "10.0.0.7"),
        ("fd00::/8", "fd00::1", ["[2001:db8::1]:443"], "2001:db8::1"),
        ("10.0.0.0/8", "10.1.2.3", ["203.0.113.9:51000"], "203.0.113.9"),
        ("*", "192.0.2.1", ["198.51.100.7, 203.0.113.9"], "198.51.100.7"),
        ("127.0.0.1", "127.0.0.1", ["unknown"], "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", ["203.0.113.9, unknown"], "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", ["x" * 3_000], "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1", ["fe80::1%eth0"], "127.0.0.1"),
        ("*", "192.0.2.1", ["unknown, 203.0.113.9"], "192.0.2.1"),
    ],
)
def test_only_a_trusted_proxy_names_the_client(
    settings: Any, trusted: str, peer: str, forwarded_for: list[str], client: str
) -> None:
    settings.FORWARDED_ALLOW_IPS = trusted

    assert client_address(peer, forwarded_for) == client


# -- What it writes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user_id", [None, 7])
def test_at_most_one_request_in_twenty_writes(user_id: int | None) -> None:
    with CaptureQueriesContext(connection) as queries:
        spend(600, user_id=user_id)

    writes = [query for query in queries if query["sql"].lstrip().startswith(("INSERT", "UPDATE", "DELETE"))]
    assert 1 <= len(writes) <= 600 / 20
    assert len(queries) == len(writes)


def test_refused_requests_write_nothing() -> None:
    spend(601)

    with CaptureQueriesContext(connection) as queries:
        spend(500)

    assert len(queries) == 0


def test_counters_of_earlier_minutes_are_dropped(clock: Clock) -> None:
    spend(1, address="192.0.2.1")
    clock.now += 60

    spend(1, address="192.0.2.2")

    counter = RateCounter.objects.get()
    assert counter.window == 1_000_001
    assert str(counter) == f"{counter.key}: 30"


def test_callers_are_not_named_in_the_database() -> None:
    spend(1, address="192.0.2.1")

    assert RateCounter.objects.get().key == sha256(b"address:192.0.2.1").hexdigest()


def test_memory_for_callers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_CALLERS_KEPT", 3)

    for n in range(10):
        spend(1, address=f"192.0.2.{n}")

    assert len(singleton(BudgetShares).shares) <= 3
    assert spend(1, address="192.0.2.0") == 1


# -- Several processes ------------------------------------------------------------------------------------------


def two_processes(runtime: Runtime, spend_one: Callable[[], int]) -> tuple[int, int]:
    """Spend in turns with the shares of two processes until both are refused; return what passed in each."""
    shares = BudgetShares(), BudgetShares()
    passed, refused = [0, 0], 0
    turn = 0
    while refused < 60:
        runtime.put(BudgetShares, shares[turn])
        if spend_one():
            passed[turn] += 1
        else:
            refused += 1
        turn = 1 - turn
    return passed[0], passed[1]


def test_two_processes_share_one_budget(runtime: Runtime) -> None:
    assert two_processes(runtime, lambda: spend(1)) == (300, 300)


@pytest.mark.usefixtures("requires_redis")
def test_two_processes_share_one_budget_in_redis(runtime: Runtime, caller: str) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert two_processes(runtime, lambda: spend(1, address=caller)) == (300, 300)

    assert len(queries) == 0


@pytest.mark.live
@pytest.mark.usefixtures("requires_redis")
def test_threads_that_ask_redis_first_at_the_same_time_share_one_client(
    caller: str, request: pytest.FixtureRequest
) -> None:
    request.addfinalizer(partial(sys.setswitchinterval, sys.getswitchinterval()))
    sys.setswitchinterval(1e-6)  # so that threads meet in the making of the client
    for window in range(20):
        begin_runtime()

        totals = at_once(*[lambda window=window: used_after(caller, window, 1)] * 6)

        assert sorted(totals) == [1, 2, 3, 4, 5, 6]


@pytest.mark.usefixtures("requires_redis")
def test_process_of_its_own_draws_from_the_same_redis(caller: str, settings: Any) -> None:
    spend(100, address=caller)  # draws 120 of the 600
    program = f"""
import types, django
django.setup()
from core import errors
from core.rates import limits
limits.time = types.SimpleNamespace(time=lambda: {limits.time.time()})
passed = 0
try:
    while True:
        limits.spend_request(user_id=None, address="{caller}")
        passed += 1
except errors.RateLimited:
    print(passed)
"""

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "480\n"
    assert spend(100, address=caller) == 20


@pytest.mark.usefixtures("requires_redis")
def test_counters_in_redis_do_not_stay(caller: str, settings: Any) -> None:
    spend(1, address=caller)

    name = f"{settings.REDIS_PREFIX}rate:{sha256(f'address:{caller}'.encode()).hexdigest()}:1000000"
    server = redis.Redis.from_url(settings.REDIS_URL)
    assert server.get(name) == b"30"
    assert 0 < server.ttl(name) <= 120


def test_redis_that_is_down_is_replaced_by_the_database(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert spend(601) == 600
    assert RateCounter.objects.get().used >= 600
    assert "Redis does not answer, the database counts instead for 5 s" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_threads_that_begin_a_minute_together_draw_one_block(settings: Any) -> None:
    settings.RATE_ANONYMOUS_PER_MINUTE = 400
    at_once(*[partial(spend, 1)] * 8)
    assert RateCounter.objects.get().used == 400 // limits.WRITES_PER_BUDGET


@pytest.mark.django_db(transaction=True)
def test_threads_of_one_process_share_the_budget(settings: Any) -> None:
    settings.RATE_ANONYMOUS_PER_MINUTE = 200

    passed = at_once(*[lambda: spend(40)] * 8)

    assert sum(passed) == 200


def test_only_one_caller_waits_for_a_redis_that_is_silent(settings: Any) -> None:
    singleton(BudgetShares).redis_breaker = Breaker(retry_s=60)
    with socket.create_server(("127.0.0.1", free_port()), backlog=100) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"

        assert spend(1, address="192.0.2.1") == 1
        assert connections_in(silent) > 0
        assert sum(spend(1, address=f"192.0.2.{n}") for n in range(2, 101)) == 99
        assert connections_in(silent) == 0
        assert RateCounter.objects.count() == 100


@pytest.mark.usefixtures("requires_redis")
def test_redis_counts_again_once_it_answers(caller: str) -> None:
    singleton(BudgetShares).redis_breaker = Breaker(retry_s=0)
    singleton(BudgetShares).redis_breaker.open()

    assert spend(1, address=caller) == 1

    assert RateCounter.objects.count() == 0


def connections_in(listener: socket.socket) -> int:
    """Accept and close the connections that wait; return how many there were."""
    listener.setblocking(False)
    for count in itertools.count():
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return count
    raise AssertionError
