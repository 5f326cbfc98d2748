"""Every change that staff make to endpoints and deliveries."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from core.actors import Actor
from core.errors import InvalidInput
from core.feed.events import newest_seq, position_now
from core.permissions import permitted
from webhooks.addresses import check_url
from webhooks.models import Delivery, Endpoint, EventType
from webhooks.payloads import payload_of_test
from webhooks.permissions import can_manage_webhooks
from webhooks.planning import new_message_id
from webhooks.pruning import delete
from webhooks.signing import new_secret

WRITABLE = ("url", "description", "event_types", "is_active")
OLD_SECRET_HOURS = 24  # time for a receiver to switch to the new secret
TEST = {"topic": "webhook", "kind": "test"}


@permitted(can_manage_webhooks)
def create_endpoint(*, actor: Actor, values: Mapping[str, object]) -> Endpoint:
    """Add an endpoint with a generated secret. It receives the events that happen from now on.

    Raises RefusedUrl, InvalidInput, Unauthenticated or Forbidden.
    """
    _check(values)
    with transaction.atomic():
        return Endpoint.objects.create(
            **{name: values[name] for name in WRITABLE if name in values},
            secret=new_secret(),
            starts_after=position_now(),
        )


@permitted(can_manage_webhooks)
def change_endpoint(*, actor: Actor, endpoint_id: int, changes: Mapping[str, object]) -> Endpoint:
    """Change an endpoint.

    If the endpoint is switched on again, it receives new events and its pending deliveries; events that happened
    while it was off are skipped.
    Raises RefusedUrl, InvalidInput, EndpointNotFound, Unauthenticated or Forbidden.
    """
    _check(changes)
    with transaction.atomic():
        endpoint = Endpoint.objects.locked().one(actor, endpoint_id)
        if changes.get("is_active") and not endpoint.is_active:
            endpoint.starts_after = position_now()
            endpoint.off_reason, endpoint.failing_since, endpoint.paused_until = "", None, None
        for name in WRITABLE:
            setattr(endpoint, name, changes.get(name, getattr(endpoint, name)))
        endpoint.save()
    return endpoint


@permitted(can_manage_webhooks)
def delete_endpoint(*, actor: Actor, endpoint_id: int) -> None:
    """Delete an endpoint and its deliveries. Raises EndpointNotFound, Unauthenticated or Forbidden."""
    with transaction.atomic():
        # Lock in the order of `record`: the deliveries before their endpoint.
        delete(Delivery.objects.filter(endpoint=endpoint_id))
        Endpoint.objects.locked().one(actor, endpoint_id).delete()


@permitted(can_manage_webhooks)
def rotate_secret(*, actor: Actor, endpoint_id: int) -> Endpoint:
    """Generate a new secret. For OLD_SECRET_HOURS the previous secret signs as well. Raises as `delete_endpoint`."""
    with transaction.atomic():
        endpoint = Endpoint.objects.locked().one(actor, endpoint_id)
        endpoint.previous_secret, endpoint.secret = endpoint.secret, new_secret()
        endpoint.previous_secret_until = timezone.now() + timedelta(hours=OLD_SECRET_HOURS)
        endpoint.save(update_fields=["secret", "previous_secret", "previous_secret_until"])
    return endpoint


@permitted(can_manage_webhooks)
def send_test(*, actor: Actor, endpoint_id: int) -> Delivery:
    """Schedule a test delivery; the endpoint's event types do not matter.

    Raises as `delete_endpoint`, and InvalidInput if the endpoint is switched off.
    """
    with transaction.atomic():
        endpoint, now = Endpoint.objects.locked().one(actor, endpoint_id), timezone.now()
        if not endpoint.is_active:
            raise InvalidInput("The endpoint is switched off. Switch it on to send a test.")
        payload = payload_of_test(newest_seq(), now)
        return Delivery.objects.create(
            endpoint=endpoint, message_id=new_message_id(), payload=payload, next_attempt_at=now, created_at=now, **TEST
        )


@permitted(can_manage_webhooks)
def deliver_again(*, actor: Actor, delivery_ids: Iterable[int]) -> int:
    """Make deliveries due at once and reset their failures, so that the pauses start over; return how many.

    Deliveries in progress are skipped. Raises Unauthenticated or Forbidden.
    """
    with transaction.atomic():
        wanted = Delivery.objects.filter(pk__in=list(delivery_ids))
        ids = {delivery.pk for delivery in wanted.only("pk").locked()}
        ids -= set(wanted.in_flight().values_list("pk", flat=True))
        again = Delivery.objects.filter(pk__in=ids)
        return again.update(state=Delivery.State.PENDING, failures=0, next_attempt_at=timezone.now())


def _check(values: Mapping[str, Any]) -> None:
    if "url" in values:
        check_url(values["url"])
    types = values.get("event_types")
    if types is not None and not (types and set(types) <= set(EventType.values)):
        raise InvalidInput(fields={"event_types": "Choose at least one event type."})
