"""Every change that staff make to endpoints and deliveries."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from ecommerce.errors import InvalidInput
from ecommerce.feed.events import newest_seq, place_of_now
from ecommerce.permissions import require
from webhooks.addresses import check_url
from webhooks.errors import EndpointNotFound
from webhooks.models import Delivery, Endpoint, EventType
from webhooks.payloads import payload_of_test
from webhooks.permissions import can_manage_webhooks
from webhooks.planning import new_message_id
from webhooks.pruning import delete
from webhooks.signing import new_secret

WRITABLE = ("url", "description", "event_types", "is_active")
OLD_SECRET_HOURS = 24  # in which a receiver may go over to the new one
TEST = {"topic": "webhook", "kind": "test"}


def create_endpoint(*, actor: Any, values: Mapping[str, Any]) -> Endpoint:
    """Add an endpoint, with a secret of its own, that is told of what happens from now on.

    Raises RefusedUrl, InvalidInput, Unauthenticated or Forbidden.
    """
    require(actor, can_manage_webhooks(actor))
    _check(values)
    with transaction.atomic():
        return Endpoint.objects.create(
            **{name: values[name] for name in WRITABLE if name in values},
            secret=new_secret(),
            starts_after=place_of_now(),
        )


def change_endpoint(*, actor: Any, endpoint_id: int, changes: Mapping[str, Any]) -> Endpoint:
    """Change an endpoint. One that is switched on again is told of what happens from now on, and what was left over.

    Raises RefusedUrl, InvalidInput, EndpointNotFound, Unauthenticated or Forbidden.
    """
    require(actor, can_manage_webhooks(actor))
    _check(changes)
    with transaction.atomic():
        endpoint = _locked(endpoint_id)
        if changes.get("is_active") and not endpoint.is_active:
            endpoint.starts_after = place_of_now()
            endpoint.off_reason, endpoint.failing_since, endpoint.paused_until = "", None, None
        for name in WRITABLE:
            setattr(endpoint, name, changes.get(name, getattr(endpoint, name)))
        endpoint.save()
    return endpoint


def delete_endpoint(*, actor: Any, endpoint_id: int) -> None:
    """Delete an endpoint, and all that was sent to it. Raises EndpointNotFound, Unauthenticated or Forbidden."""
    require(actor, can_manage_webhooks(actor))
    with transaction.atomic():
        endpoint = _locked(endpoint_id)
        delete(Delivery.objects.filter(endpoint=endpoint))
        endpoint.delete()


def rotate_secret(*, actor: Any, endpoint_id: int) -> Endpoint:
    """Give an endpoint a new secret; for OLD_SECRET_HOURS the one before signs too. Errors as `delete_endpoint`."""
    require(actor, can_manage_webhooks(actor))
    with transaction.atomic():
        endpoint = _locked(endpoint_id)
        endpoint.previous_secret, endpoint.secret = endpoint.secret, new_secret()
        endpoint.previous_secret_until = timezone.now() + timedelta(hours=OLD_SECRET_HOURS)
        endpoint.save(update_fields=["secret", "previous_secret", "previous_secret_until"])
    return endpoint


def send_test(*, actor: Any, endpoint_id: int) -> Delivery:
    """Have a test sent, whatever types of event the endpoint wants. Errors as `delete_endpoint`, InvalidInput."""
    require(actor, can_manage_webhooks(actor))
    with transaction.atomic():
        endpoint, now = _locked(endpoint_id), timezone.now()
        if not endpoint.is_active:
            raise InvalidInput("The endpoint is switched off: nothing is sent to it")
        payload = payload_of_test(newest_seq(), now)
        return Delivery.objects.create(
            endpoint=endpoint, message_id=new_message_id(), payload=payload, next_attempt_at=now, created_at=now, **TEST
        )


def deliver_again(*, actor: Any, delivery_ids: Iterable[int]) -> int:
    """Have deliveries tried at once, with all their pauses before them; return how many.

    One that is under way is left alone. Raises Unauthenticated or Forbidden.
    """
    require(actor, can_manage_webhooks(actor))
    with transaction.atomic():
        wanted = Delivery.objects.filter(pk__in=list(delivery_ids))
        ids = {delivery.pk for delivery in wanted.only("pk").locked()}
        ids -= set(wanted.under_way().values_list("pk", flat=True))
        again = Delivery.objects.filter(pk__in=ids)
        return again.update(state=Delivery.State.PENDING, failures=0, next_attempt_at=timezone.now())


def _check(values: Mapping[str, Any]) -> None:
    if "url" in values:
        check_url(values["url"])
    types = values.get("event_types")
    if types is not None and not (types and set(types) <= set(EventType.values)):
        raise InvalidInput(fields={"event_types": "Choose at least one of the types of event."})


def _locked(endpoint_id: int) -> Endpoint:
    endpoint = Endpoint.objects.locked().filter(pk=endpoint_id).first()
    if endpoint is None:
        raise EndpointNotFound(f"Endpoint {endpoint_id} not found")
    return endpoint
