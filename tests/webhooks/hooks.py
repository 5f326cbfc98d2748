"""Endpoints in tests, and a dispatcher that works inside the test's own transaction."""

from collections.abc import Callable
from typing import Any

from django.utils import timezone

from core.feed.events import position_now
from tests.support.waiting import wait_until
from webhooks.dispatcher import Dispatcher
from webhooks.models import Attempt, Delivery, Endpoint
from webhooks.planning import Planner
from webhooks.sending import LeasedAttempt, Outcome, record
from webhooks.signing import new_secret


def make_endpoint(url: str = "https://shop.example/hook", **fields: Any) -> Endpoint:
    """Add an endpoint that is told of what happens from now on; its URL is not looked at."""
    return Endpoint.objects.create(url=url, **{"secret": new_secret(), "starts_after": position_now()} | fields)


def plan_all() -> None:
    planner = Planner()
    while planner.plan():
        continue


def told(endpoint: Endpoint) -> list[str]:
    """Types of the events that there are deliveries of, in order."""
    return [delivery.event_type for delivery in endpoint.deliveries.order_by("seq", "id")]


def end(attempt: LeasedAttempt, status: int | None = 200, **fields: Any) -> Delivery:
    """Write down an outcome, and return the delivery as it is then."""
    record([Outcome(attempt, fields.pop("duration_s", 0.01), status, **fields)])
    return Delivery.objects.get(pk=attempt.delivery_id)


def skip_pause(delivery: Delivery) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(next_attempt_at=timezone.now())


def attempts_of(delivery: Delivery) -> list[tuple[int, int | None, str, str]]:
    return list(Attempt.objects.filter(delivery=delivery).values_list("number", "status", "error", "answer"))


def work_until(holds: Callable[[], Any], threads: int = 8) -> None:
    """Run a dispatcher's turns in this thread, on this connection, until something holds."""
    dispatcher = Dispatcher(threads)

    def holds_after_a_turn() -> bool:
        if is_met := holds():
            return bool(is_met)
        dispatcher._looked_at = 0.0  # what is committed by others can't be seen from inside a transaction
        dispatcher._unrecorded += dispatcher._senders.outcomes(0.01)
        dispatcher._turn()  # with `_guarded` a failure would only be tried again
        return False

    wait_until(holds_after_a_turn, "The dispatcher did not come to it")
    dispatcher._leave()
