"""What all apps share: replayed answers, the rate budgets that processes share, and the change feed's rows."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from ecommerce.moments import DatabaseNow


class IdempotencyRecord(models.Model):
    """One operation that a caller named by a key, written in the same transaction as what it did."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    operation = models.CharField(max_length=40)
    key = models.CharField(max_length=255)
    input_hash = models.CharField(max_length=64)  # SHA-256 of the validated input, hexadecimal
    result = models.JSONField(default=dict)  # what the operation needs to answer again
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "operation", "key"], name="ecommerce_idempotencyrecord_once")
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.key}"


class RateCounter(models.Model):
    """How much of a caller's budget the processes have drawn in the minute that `window` numbers."""

    key = models.CharField(primary_key=True, max_length=64)
    window = models.BigIntegerField(db_index=True)
    used = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.key}: {self.used}"


class ChangeEvent(models.Model):
    """A row of the change feed, written by a database trigger; what it means is in `ecommerce.feed.events`."""

    id = models.BigAutoField(primary_key=True)
    seq = models.BigIntegerField(null=True, unique=True)  # null until it is numbered, which is after its commit
    topic = models.CharField(max_length=16)  # product, order
    kind = models.CharField(max_length=16)  # created, updated, deleted; placed, moved
    object_id = models.IntegerField()
    user_id = models.IntegerField(null=True)  # whose order
    price = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    stock = models.IntegerField(null=True)
    status = models.CharField(max_length=16, null=True)
    at = models.DateTimeField(default=timezone.now, db_default=DatabaseNow())

    class Meta:
        indexes = [models.Index(fields=["id"], condition=models.Q(seq=None), name="ecommerce_changeevent_unseq")]

    def __str__(self) -> str:
        return f"{self.seq}: {self.topic} {self.object_id} {self.kind}"
