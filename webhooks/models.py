"""Who is told of what by POST, what they are told, and every try to tell them."""

from django.db import models
from django.utils import timezone

from ecommerce.validators import storable_text
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
    """An address that events of some types are sent to, from the place `starts_after` of the change feed on.

    While `previous_secret_until` is to come, the secret before the last rotation signs too.
    """

    url = models.CharField("URL", max_length=MAX_URL_LENGTH, validators=storable_text)
    description = models.CharField(max_length=200, blank=True, default="", validators=storable_text)
    event_types = models.JSONField(default=every_type)
    is_active = models.BooleanField("active", default=True)
    off_reason = models.CharField(max_length=200, blank=True, default="")  # why it was switched off by itself
    failing_since = models.DateTimeField(null=True, blank=True)  # no try has succeeded since
    paused_until = models.DateTimeField(null=True, blank=True)  # it asked for a pause
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
    """One event for one endpoint; `payload` is what is sent, to the letter, at every try."""

    class State(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed"

    id = models.BigAutoField(primary_key=True)
    endpoint = models.ForeignKey(Endpoint, models.CASCADE, related_name="deliveries", db_index=False)
    seq = models.BigIntegerField(null=True)  # the event's place in the feed; null for a test
    message_id = models.CharField(max_length=40, unique=True)  # the same at every try
    topic = models.CharField(max_length=16)
    kind = models.CharField(max_length=16)
    object_id = models.IntegerField(null=True)
    payload = models.TextField()
    state = models.CharField(max_length=16, choices=State, default=State.PENDING)
    attempts = models.IntegerField(default=0)  # begun
    failures = models.IntegerField(default=0)  # since somebody asked for it last: the longer the next pause
    next_attempt_at = models.DateTimeField(null=True)  # while a try runs: when it counts as lost
    last_tried_at = models.DateTimeField(null=True)  # when a try last came to an end
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

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
    """One try. Without a duration it is under way, or its process ended in the middle of it."""

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="tries", db_index=False)
    number = models.IntegerField()  # 1, 2, 3, ...
    at = models.DateTimeField(default=timezone.now)
    duration_ms = models.IntegerField(null=True)
    status = models.IntegerField(null=True)  # HTTP's; null when there was no answer
    error = models.CharField(max_length=300, blank=True, default="")
    answer = models.CharField(max_length=MAX_ANSWER_LENGTH, blank=True, default="")  # how it begins

    objects = AttemptQuerySet.as_manager()

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["delivery", "number"], name="webhooks_attempt_once")]

    def __str__(self) -> str:
        return f"Try {self.number}"


class Position(models.Model):
    """The place in the change feed up to which deliveries were made: one row."""

    seq = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.seq)
