"""What all apps share: replayed answers, and the rate budgets that processes share."""

from django.conf import settings
from django.db import models
from django.utils import timezone


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
