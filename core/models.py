"""The models that all apps share: records of idempotency keys, counters of rate budgets, and the change feed's rows."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import models
from django.utils import timezone

from core.moments import DatabaseNow
from core.querysets import ShopQuerySet


class IdempotencyRecord(models.Model):
    """One operation with an idempotency key, written in the same transaction as its effects."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    operation = models.CharField(max_length=40)
    key = models.CharField(max_length=255)
    input_hash = models.CharField(max_length=64)  # SHA-256 of the validated input, hexadecimal
    result = models.JSONField(default=dict)  # the memo from which the operation makes the same result again
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "operation", "key"], name="ecommerce_idempotencyrecord_once")
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.key}"


class RateCounter(models.Model):
    """The number of requests that all processes have drawn from a caller's budget in the minute numbered `window`."""

    key = models.CharField(primary_key=True, max_length=64)
    window = models.BigIntegerField(db_index=True)
    used = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.key}: {self.used}"


class KeyFingerprint(models.Model):
    """A hash of the SECRET_KEY that this database is used with; one row."""

    fingerprint = models.CharField(max_length=64)

    def __str__(self) -> str:
        return self.fingerprint


class PendingImport(models.Model):
    """An uploaded file as it was understood, until its user confirms or cancels it; then, what became of each row."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=32)
    file_name = models.CharField(max_length=200)
    content = models.BinaryField()  # JSON, compressed by zlib
    rows_done = models.PositiveIntegerField(default=0, db_default=0)  # of those to apply, in their order
    refused = models.JSONField(default=dict, db_default={})  # the reasons, by line, of the rows that are done
    is_done = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return self.file_name


class SavedFilter(models.Model):
    """Filters, search and order of one of the admin's lists, kept under a name by their user."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    page = models.CharField(max_length=100)  # the label of the list's model: orders.order
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000)  # of the list's URL

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "page", "name"], name="ecommerce_savedfilter_once")]

    def __str__(self) -> str:
        return self.name


class LoggedRequest(models.Model):
    """One request, as the log has it: without its query, headers and body, which may hold secrets."""

    id = models.BigAutoField(primary_key=True)
    request_id = models.CharField(max_length=64, db_index=True)
    at = models.DateTimeField()  # when it began
    protocol = models.CharField(max_length=16)
    operation = models.CharField(max_length=100)  # of few names: see `core.metrics.operations`
    method = models.CharField(max_length=16)  # GET, POST, ...; gRPC, gRPC-Web, Connect
    path = models.CharField(max_length=300)
    status = models.CharField(max_length=32)  # the number of HTTP or the name of gRPC
    duration_ms = models.FloatField()
    user_id = models.IntegerField(null=True)
    address = models.CharField(max_length=64)

    objects = ShopQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "request"
        indexes = [
            models.Index(fields=["at", "id"], name="ecommerce_loggedrequest_began"),
            models.Index(fields=["protocol", "id"], name="ecommerce_loggedrequest_by"),
            models.Index(
                fields=["user_id", "id"],
                condition=models.Q(user_id__isnull=False),
                name="ecommerce_loggedrequest_of",
            ),
        ]

    def __str__(self) -> str:
        return self.request_id


class ChangeEvent(models.Model):
    """A row of the change feed, written by a database trigger. For its meaning see `core.feed.events`."""

    id = models.BigAutoField(primary_key=True)
    seq = models.BigIntegerField(null=True, unique=True)  # null until the row is numbered, on PostgreSQL after commit
    topic = models.CharField(max_length=16)  # product, order
    kind = models.CharField(max_length=16)  # created, updated, deleted; placed, moved
    object_id = models.IntegerField()
    user_id = models.IntegerField(null=True)  # the owner of the order
    price = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    stock = models.IntegerField(null=True)
    status = models.CharField(max_length=16, null=True)
    at = models.DateTimeField(default=timezone.now, db_default=DatabaseNow())

    class Meta:
        indexes = [models.Index(fields=["id"], condition=models.Q(seq=None), name="ecommerce_changeevent_unseq")]

    def __str__(self) -> str:
        return f"{self.seq}: {self.topic} {self.object_id} {self.kind}"


@dataclass(frozen=True, slots=True)
class Event:
    """A ChangeEvent as readers receive it: «product 7 is now 19.99, 3 left».

    Products have a price and a stock, orders a status and a user.
    """

    seq: int
    topic: str
    kind: str
    object_id: int
    user_id: int | None
    price: Decimal | None
    stock: int | None
    status: str | None
    at: datetime

    @property
    def cursor(self) -> str:
        return str(self.seq)

    @property
    def key(self) -> tuple[str, int]:
        """Identifies the changed object."""
        return self.topic, self.object_id
