"""The dispatcher's turns, with real receivers: from a change to a POST, and who waits for whom."""

import json
import signal
import socket
import threading
import time
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.support.factories import make_product
from tests.support.waiting import PATIENCE_S
from tests.webhooks.hooks import attempts_of, make_endpoint, work_until
from tests.webhooks.servers import OK, answer, server
from webhooks.dispatcher import EndpointSlots, Senders
from webhooks.models import Delivery, Endpoint
from webhooks.sending import LeasedAttempt, Outcome

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def loopback(settings: Any) -> None:
    settings.WEBHOOK_ALLOW_HTTP, settings.WEBHOOK_PRIVATE_NETWORKS = True, ["127.0.0.1/32"]
    settings.WEBHOOK_PAUSES_S = [0.05, 0.05, 0.05]


def all_settled() -> bool:
    return Delivery.objects.exists() and not Delivery.objects.filter(state="pending").exists()


def headers_of(request: bytes) -> dict[str, str]:
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


def body_of(request: bytes) -> bytes:
    return request.partition(b"\r\n\r\n")[2]


def test_change_is_posted_signed_as_its_payload_is_kept() -> None:
    with server(OK) as receiver:
        endpoint = make_endpoint(f"http://127.0.0.1:{receiver.port}/hook")
        product = make_product()
        work_until(all_settled)

    (request,) = receiver.requests
    delivery = Delivery.objects.get()
    assert body_of(request).decode() == delivery.payload
    facts = Webhook(endpoint.secret).verify(body_of(request), headers_of(request))
    assert (facts["type"], facts["data"]["product_id"]) == ("product.created", product.pk)
    assert headers_of(request)["webhook-id"] == delivery.message_id
    assert (delivery.state, attempts_of(delivery)) == ("delivered", [(1, 200, "", "ok")])


def test_failures_are_tried_again_under_the_same_id_until_one_succeeds() -> None:
    answers = [answer("500 Oops", body=b"no"), answer("302 Found", "Location: http://127.0.0.1/"), OK]
    with server(lambda channel: channel.sendall(answers.pop(0))) as receiver:
        make_endpoint(f"http://127.0.0.1:{receiver.port}/")
        make_product()
        work_until(all_settled)

    delivery = Delivery.objects.get()
    assert attempts_of(delivery) == [
        (1, 500, "The receiver answered 500", "no"),
        (2, 302, "The receiver answered 302", ""),
        (3, 200, "", "ok"),
    ]
    assert {headers_of(request)["webhook-id"] for request in receiver.requests} == {delivery.message_id}


def test_private_address_is_refused_at_every_try_and_the_reason_is_on_record(settings: Any) -> None:
    settings.WEBHOOK_PRIVATE_NETWORKS = []
    with server(OK) as receiver:
        make_endpoint(f"http://127.0.0.1:{receiver.port}/")
        make_product()
        work_until(all_settled)

    delivery = Delivery.objects.get()
    reason = "127.0.0.1 resolves to 127.0.0.1, which is not a public address."
    assert attempts_of(delivery) == [(number, None, reason, "") for number in (1, 2, 3, 4)]
    assert (delivery.state, receiver.connections) == ("failed", 0)


@pytest.mark.long
def test_changes_of_one_product_arrive_in_order() -> None:
    with server(OK) as receiver:
        make_endpoint(f"http://127.0.0.1:{receiver.port}/")
        product = make_product(stock=0)
        for stock in range(1, 21):
            product.stock = stock
            product.save()
        work_until(all_settled)

    assert [json.loads(body_of(request))["data"]["new_stock"] for request in receiver.requests] == list(range(21))


@pytest.mark.long
def test_endpoint_that_hangs_does_not_hold_up_another() -> None:
    release = threading.Event()

    def hang(channel: socket.socket) -> None:
        release.wait(PATIENCE_S)
        channel.sendall(OK)

    with server(hang) as slow, server(OK) as quick:
        make_endpoint(f"http://127.0.0.1:{slow.port}/")
        good = make_endpoint(f"http://127.0.0.1:{quick.port}/")
        for _ in range(40):
            make_product()

        def quick_is_done() -> bool:
            return Delivery.objects.filter(endpoint=good, state="delivered").count() == 40

        work_until(quick_is_done, threads=8)
        release.set()

    assert len(slow.requests) <= 2  # a quarter of the threads
    assert Endpoint.objects.count() == 2


# -- EndpointSlots ----------------------------------------------------------------------------------------------------
def outcome_of(endpoint_id: int, duration_s: float) -> Outcome:
    return Outcome(LeasedAttempt(1, 1, 1, endpoint_id, "", (), "", ""), duration_s)


def fill(slots: EndpointSlots, endpoint_id: int) -> int:
    """Enter as often as there is room; return how often."""
    entered = 0
    while slots.free_for(endpoint_id):
        slots.acquire(endpoint_id)
        entered += 1
    return entered


def test_endpoint_has_a_quarter_of_the_threads() -> None:
    slots = EndpointSlots(16)

    assert [fill(slots, endpoint_id) for endpoint_id in range(1, 7)] == [4, 4, 4, 4, 0, 0]


def test_slow_endpoints_share_a_half_and_leave_the_rest() -> None:
    slots = EndpointSlots(16)
    for endpoint_id in range(10):
        slots.acquire(endpoint_id)
        slots.release(outcome_of(endpoint_id, 9.0))

    slow = [fill(slots, endpoint_id) for endpoint_id in range(10)]

    assert sum(slow) == 8
    assert fill(slots, 99) == 4


def test_endpoint_is_slow_until_it_answers_quickly() -> None:
    slots = EndpointSlots(8)
    for slow_id in (1, 2, 3, 4):
        slots.acquire(slow_id)
        slots.release(outcome_of(slow_id, 9.0))
        slots.acquire(slow_id)
    assert slots.free_for(1) == 0

    slots.release(outcome_of(1, 0.1))

    assert slots.free_for(1) == 2


def test_one_thread_is_enough() -> None:
    slots = EndpointSlots(1)

    assert fill(slots, 1) == 1
    slots.release(outcome_of(1, 9.0))
    assert fill(slots, 1) == 1
    assert slots.free_for(2) == 0


@pytest.mark.live
def test_work_ends_in_time(settings: Any) -> None:
    settings.WEBHOOK_TIMEOUT_S = 0.3
    begun = time.monotonic()
    with server(lambda channel: time.sleep(PATIENCE_S)) as receiver:
        make_endpoint(f"http://127.0.0.1:{receiver.port}/")
        make_product()
        work_until(all_settled)

    assert time.monotonic() - begun < PATIENCE_S
    assert [error for _, _, error, _ in attempts_of(Delivery.objects.get())] == ["No response within 0.3 s"] * 4


def test_signal_whose_handler_outlasts_a_wait_does_not_make_it_endless() -> None:
    senders = Senders(1)

    def give_up(*_: Any) -> None:
        raise TimeoutError("It waits still")

    def slowly(*_: Any) -> None:
        time.sleep(0.1)
        signal.signal(signal.SIGALRM, give_up)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE_S)

    before = signal.signal(signal.SIGALRM, slowly)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        assert senders.outcomes(0.05) == []
        assert signal.getsignal(signal.SIGALRM) is give_up
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        senders.stop()
