"""Deliveries that are taken to be tried, and what became of them."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from webhooks.models import MAX_ANSWER_LENGTH, Attempt, Delivery, Endpoint
from webhooks.querysets import EndpointQuerySet
from webhooks.retries import pause_after, wished

log = logging.getLogger(__name__)

LEASE_MARGIN_S = 10  # past the longest try: then the process that began it is taken for dead
GONE = 410
ASKS_FOR_PAUSE = (429, 503)
MAX_ERROR_LENGTH = 300
_END_ATTEMPT = "UPDATE webhooks_attempt SET duration_ms = %s, status = %s, error = %s, answer = %s WHERE id = %s"


@dataclass(frozen=True, slots=True)
class Try:
    """What a thread is to send, without a look into the database."""

    delivery_id: int
    attempt_id: int
    number: int
    endpoint_id: int
    url: str
    secrets: tuple[str, ...]
    message_id: str
    payload: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a try."""

    tried: Try
    duration_s: float
    status: int | None = None
    answer: bytes = b""
    error: str = ""
    retry_after_s: float | None = None

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def wished_pause_s(self) -> float:
        return wished(self.retry_after_s) if self.status in ASKS_FOR_PAUSE else 0.0


def take(endpoint: Endpoint, limit: int) -> list[Try]:
    """Take up to so many deliveries that are due; nobody else takes them before their time is over."""
    now = timezone.now()
    with transaction.atomic():
        deliveries = list(Delivery.objects.due(now).filter(endpoint=endpoint).free()[:limit])
        if not deliveries:
            return []
        attempts = Attempt.objects.bulk_create(
            Attempt(delivery=delivery, number=delivery.attempts + 1, at=now) for delivery in deliveries
        )
        lost_at = now + timedelta(seconds=settings.WEBHOOK_TIMEOUT_S + LEASE_MARGIN_S)
        taken = Delivery.objects.filter(pk__in=[delivery.pk for delivery in deliveries])
        taken.update(attempts=F("attempts") + 1, next_attempt_at=lost_at)
    keys = _secrets_of(endpoint, now)
    return [
        Try(
            delivery_id=delivery.pk,
            attempt_id=attempt.pk,
            number=attempt.number,
            endpoint_id=endpoint.pk,
            url=endpoint.url,
            secrets=keys,
            message_id=delivery.message_id,
            payload=delivery.payload,
        )
        for delivery, attempt in zip(deliveries, attempts, strict=True)
    ]


def _secrets_of(endpoint: Endpoint, now: datetime) -> tuple[str, ...]:
    is_changing = endpoint.previous_secret_until is not None and now < endpoint.previous_secret_until
    return (endpoint.secret, endpoint.previous_secret) if is_changing else (endpoint.secret,)


def give_back(tries: Iterable[Try]) -> None:
    """Let tries that are given up half-way be made again at once."""
    for tried in tries:
        ours = Delivery.objects.filter(pk=tried.delivery_id, attempts=tried.number, state=Delivery.State.PENDING)
        ours.update(next_attempt_at=timezone.now())


def record(outcomes: Sequence[Outcome]) -> None:
    """Write down what became of tries, what is to come, and what it says of their endpoints. One transaction.

    Doing it once more changes nothing: whether a transaction was committed is not known when its connection is lost.
    """
    now = timezone.now()
    with transaction.atomic():
        wanted = [outcome.tried.delivery_id for outcome in outcomes]
        deliveries = {delivery.pk: delivery for delivery in Delivery.objects.filter(pk__in=wanted).locked()}
        settled = [
            (delivery, outcome)
            for outcome in outcomes
            if (delivery := deliveries.get(outcome.tried.delivery_id)) and _is_last_word(delivery, outcome.tried)
        ]
        good = Delivery.objects.filter(pk__in=[delivery.pk for delivery, outcome in settled if outcome.is_delivered])
        good.update(state=Delivery.State.DELIVERED, next_attempt_at=None, last_tried_at=now)
        for delivery, outcome in settled:
            if not outcome.is_delivered:
                _put_off(delivery, outcome, now)
        _end_attempts(outcomes)
        _judge_endpoints(outcomes, now)


def _is_last_word(delivery: Delivery, tried: Try) -> bool:
    """Whether no later try has begun, which is to say what comes next."""
    return delivery.attempts == tried.number and delivery.state == Delivery.State.PENDING


def _put_off(delivery: Delivery, outcome: Outcome, now: datetime) -> None:
    delivery.failures += 1
    delivery.last_tried_at = now
    pause = None if outcome.status == GONE else pause_after(delivery.failures, outcome.wished_pause_s)
    delivery.state = Delivery.State.FAILED if pause is None else Delivery.State.PENDING
    delivery.next_attempt_at = None if pause is None else now + pause
    delivery.save(update_fields=["state", "failures", "next_attempt_at", "last_tried_at"])


def _end_attempts(outcomes: Sequence[Outcome]) -> None:
    rows = [
        (
            round(outcome.duration_s * 1000),
            outcome.status,
            _storable(outcome.error)[:MAX_ERROR_LENGTH],
            _storable(outcome.answer.decode("utf-8", "replace"))[:MAX_ANSWER_LENGTH],
            outcome.tried.attempt_id,
        )
        for outcome in outcomes
    ]
    with connection.cursor() as cursor:  # in one go, which Django has no cheap way for
        cursor.executemany(_END_ATTEMPT, rows)


def _storable(text: str) -> str:
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _judge_endpoints(outcomes: Sequence[Outcome], now: datetime) -> None:
    good = {outcome.tried.endpoint_id for outcome in outcomes if outcome.is_delivered}
    bad = {outcome.tried.endpoint_id for outcome in outcomes} - good
    Endpoint.objects.filter(pk__in=good, failing_since__isnull=False).update(failing_since=None)
    if bad:
        Endpoint.objects.filter(pk__in=bad, failing_since=None).update(failing_since=now)
        days = settings.WEBHOOK_OFF_DAYS
        too_long = Endpoint.objects.filter(pk__in=bad, failing_since__lte=now - timedelta(days=days))
        _switch_off(too_long, f"No try has succeeded for {days:g} days.")
    for outcome in outcomes:
        endpoint = Endpoint.objects.filter(pk=outcome.tried.endpoint_id)
        if outcome.status == GONE:
            _switch_off(endpoint, "It answered 410 Gone.")
        if outcome.wished_pause_s:
            endpoint.update(paused_until=now + timedelta(seconds=outcome.wished_pause_s))


def _switch_off(endpoints: EndpointQuerySet, reason: str) -> None:
    for endpoint_id in endpoints.filter(is_active=True).values_list("pk", flat=True):
        Endpoint.objects.filter(pk=endpoint_id).update(is_active=False, off_reason=reason)
        log.warning("Webhook endpoint %s was switched off: %s", endpoint_id, reason)
