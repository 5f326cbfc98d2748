"""Leases due deliveries to the sending threads, and records the outcomes of their attempts."""

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
from webhooks.retries import capped, pause_after

log = logging.getLogger(__name__)

LEASE_MARGIN_S = 10  # added to the timeout of an attempt: when both are over, its process is presumed dead
GONE = 410
ASKS_FOR_PAUSE = (429, 503)
MAX_ERROR_LENGTH = 300
_END_ATTEMPT = "UPDATE webhooks_attempt SET duration_ms = %s, status = %s, error = %s, answer = %s WHERE id = %s"


@dataclass(frozen=True, slots=True)
class LeasedAttempt:
    """One attempt, leased to this process, with all the data that a thread needs to send it without a query."""

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
    """The result of one attempt."""

    attempt: LeasedAttempt
    duration_s: float
    status: int | None = None
    answer: bytes = b""
    error: str = ""
    retry_after_s: float | None = None

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def requested_pause_s(self) -> float:
        return capped(self.retry_after_s) if self.status in ASKS_FOR_PAUSE else 0.0


def lease_due(endpoint: Endpoint, limit: int) -> list[LeasedAttempt]:
    """Lease up to `limit` due deliveries; no other process sends them until the lease expires."""
    now = timezone.now()
    with transaction.atomic():
        deliveries = list(Delivery.objects.due(now).filter(endpoint=endpoint).skip_locked()[:limit])
        if not deliveries:
            return []
        attempts = Attempt.objects.bulk_create(
            Attempt(delivery=delivery, number=delivery.attempts + 1, at=now) for delivery in deliveries
        )
        expires_at = now + timedelta(seconds=settings.WEBHOOK_TIMEOUT_S + LEASE_MARGIN_S)
        leased = Delivery.objects.filter(pk__in=[delivery.pk for delivery in deliveries])
        leased.update(attempts=F("attempts") + 1, next_attempt_at=expires_at)
    keys = _secrets_of(endpoint, now)
    return [
        LeasedAttempt(
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


def end_leases(attempts: Iterable[LeasedAttempt]) -> None:
    """End the leases of unfinished attempts, so that their deliveries are retried at once."""
    for attempt in attempts:
        ours = Delivery.objects.filter(pk=attempt.delivery_id, attempts=attempt.number, state=Delivery.State.PENDING)
        ours.update(next_attempt_at=timezone.now())


def record(outcomes: Sequence[Outcome]) -> None:
    """Record outcomes, schedule the retries and update the endpoints, in one transaction.

    Call it again if the connection is lost: it is then unknown whether the transaction was committed. A second call
    does not change a delivery that succeeded; it may count a failure twice.
    """
    now = timezone.now()
    with transaction.atomic():
        wanted = [outcome.attempt.delivery_id for outcome in outcomes]
        deliveries = {delivery.pk: delivery for delivery in Delivery.objects.filter(pk__in=wanted).locked()}
        settled = [
            (delivery, outcome)
            for outcome in outcomes
            if (delivery := deliveries.get(outcome.attempt.delivery_id)) and _is_latest(delivery, outcome.attempt)
        ]
        good = Delivery.objects.filter(pk__in=[delivery.pk for delivery, outcome in settled if outcome.is_delivered])
        good.update(state=Delivery.State.DELIVERED, next_attempt_at=None, last_tried_at=now)
        for delivery, outcome in settled:
            if not outcome.is_delivered:
                _retry_or_fail(delivery, outcome, now)
        _end_attempts(outcomes)
        _update_endpoints(outcomes, now)


def _is_latest(delivery: Delivery, attempt: LeasedAttempt) -> bool:
    """Return whether no later attempt has started: only the latest attempt decides the delivery's state."""
    return delivery.attempts == attempt.number and delivery.state == Delivery.State.PENDING


def _retry_or_fail(delivery: Delivery, outcome: Outcome, now: datetime) -> None:
    delivery.failures += 1
    delivery.last_tried_at = now
    pause = None if outcome.status == GONE else pause_after(delivery.failures, outcome.requested_pause_s)
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
            outcome.attempt.attempt_id,
        )
        for outcome in outcomes
    ]
    with connection.cursor() as cursor:  # one batch; Django has no cheap way to update rows with different values
        cursor.executemany(_END_ATTEMPT, rows)


def _storable(text: str) -> str:
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _update_endpoints(outcomes: Sequence[Outcome], now: datetime) -> None:
    good = {outcome.attempt.endpoint_id for outcome in outcomes if outcome.is_delivered}
    bad = {outcome.attempt.endpoint_id for outcome in outcomes} - good
    Endpoint.objects.filter(pk__in=good, failing_since__isnull=False).update(failing_since=None)
    if bad:
        Endpoint.objects.filter(pk__in=bad, failing_since=None).update(failing_since=now)
        days = settings.WEBHOOK_OFF_DAYS
        too_long = Endpoint.objects.filter(pk__in=bad, failing_since__lte=now - timedelta(days=days))
        _switch_off(too_long, f"No attempt has succeeded for {days:g} days.")
    for outcome in outcomes:
        endpoint = Endpoint.objects.filter(pk=outcome.attempt.endpoint_id)
        if outcome.status == GONE:
            _switch_off(endpoint, "The receiver answered 410 Gone.")
        if outcome.requested_pause_s:
            endpoint.update(paused_until=now + timedelta(seconds=outcome.requested_pause_s))


def _switch_off(endpoints: EndpointQuerySet, reason: str) -> None:
    for endpoint_id in endpoints.filter(is_active=True).values_list("pk", flat=True):
        Endpoint.objects.filter(pk=endpoint_id).update(is_active=False, off_reason=reason)
        log.warning("Webhook endpoint %s was switched off: %s", endpoint_id, reason)
