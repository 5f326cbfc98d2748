"""Webhook endpoints, the deliveries to them, and every attempt to send a delivery."""

from django.db import models
from django.utils import timezone

from core.validation.validators import storable_text
from webhooks.querysets import AttemptQuerySet, DeliveryQuerySet, EndpointQuerySet

MAX_URL_LENGTH = 500
MAX_ANSWER_LENGTH = 500


class EventType(models.TextChoices):
    PRODUCT_CREATED = "product.created", "Product created"
    PRODUCT_UPDATED = "product.updated", "Product updated"
    PRODUCT_DELETED = "product.deleted", "Product deleted"
    ORDER_PLACED = "order.placed", "Order placed"
    ORDER_MOVED = "order.moved", "Order moved to another status"


def every_type() -> list[str]:
    return list(EventType.values)


class Endpoint(models.Model):
    """A URL that receives events of some types, if they come after position `starts_after` of the change feed.

    Until `previous_secret_until` the previous secret signs as well.
    """

    url = models.CharField("URL", max_length=MAX_URL_LENGTH, validators=storable_text)
    description = models.CharField(max_length=200, blank=True, default="", validators=storable_text)
    event_types = models.JSONField(default=every_type)
    is_active = models.BooleanField("active", default=True)
    off_reason = models.CharField(max_length=200, blank=True, default="")  # why it was switched off automatically
    failing_since = models.DateTimeField(null=True, blank=True)  # the first failure since the last success
    paused_until = models.DateTimeField(null=True, blank=True)  # the receiver asked for a pause
    secret = models.CharField(max_length=80)
    previous_secret = models.CharField(max_length=80, blank=True, default="")
    previous_secret_until = models.DateTimeField(null=True, blank=True)
    starts_after = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"Endpoint {self.url}"


class Delivery(models.Model):
    """One event for one endpoint; every attempt sends the same bytes of `payload`."""

    class State(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"

    id = models.BigAutoField(primary_key=True)
    endpoint = models.ForeignKey(Endpoint, models.CASCADE, related_name="deliveries", db_index=False)
    seq = models.BigIntegerField(null=True)  # the event's position in the feed; null for a test
    message_id = models.CharField(max_length=40, unique=True)  # the same in every attempt
    topic = models.CharField(max_length=16)
    kind = models.CharField(max_length=16)
    object_id = models.IntegerField(null=True)
    payload = models.TextField()
    state = models.CharField(max_length=16, choices=State, default=State.PENDING)
    attempts = models.IntegerField(default=0)  # started, including those in progress
    failures = models.IntegerField(default=0)  # since staff last asked to deliver again; sets the length of the pause
    next_attempt_at = models.DateTimeField(null=True)  # during an attempt: when its lease expires
    last_tried_at = models.DateTimeField(null=True)  # when the last attempt ended
    created_at = models.DateTimeField(default=timezone.now)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "seq"], name="webhooks_delivery_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=["pending", "delivered", "failed"]), name="webhooks_delivery_state_known"
            ),
        ]
        indexes = [
            models.Index(fields=["object_id", "id"], name="webhooks_delivery_object"),
            models.Index(fields=["created_at", "id"], name="webhooks_delivery_created"),
            models.Index(fields=["topic", "kind", "id"], name="webhooks_delivery_type"),
            models.Index(fields=["id"], condition=models.Q(state="failed"), name="webhooks_delivery_given_up"),
            models.Index(
                fields=["endpoint", "next_attempt_at", "id"],
                condition=models.Q(state="pending"),
                name="webhooks_delivery_due",
            ),
            models.Index(
                fields=["endpoint", "topic", "object_id", "seq"],
                condition=models.Q(state="pending", last_tried_at=None),
                name="webhooks_delivery_untried",
            ),
        ]

    def __str__(self) -> str:
        return f"Delivery {self.message_id}"

    @property
    def event_type(self) -> str:
        return f"{self.topic}.{self.kind}"


class Attempt(models.Model):
    """One attempt to send. Without a duration it is in progress, or its process ended before the outcome."""

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="tries", db_index=False)
    number = models.IntegerField()  # 1, 2, 3, ...
    at = models.DateTimeField(default=timezone.now)
    duration_ms = models.IntegerField(null=True)
    status = models.IntegerField(null=True)  # of the HTTP response; null if there was none
    error = models.CharField(max_length=300, blank=True, default="")
    answer = models.CharField(max_length=MAX_ANSWER_LENGTH, blank=True, default="")  # the start of the response body

    objects = AttemptQuerySet.as_manager()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["delivery", "number"], name="webhooks_attempt_once")]

    def __str__(self) -> str:
        return f"Attempt {self.number}"


class Position(models.Model):
    """The position in the change feed up to which deliveries are created; one row."""

    seq = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.seq)
