"""An operation with an idempotency key is done once, however often the caller sends it.

The key follows the IETF draft idempotency-key-header. HTTP drops spaces at the ends of a header, so every protocol
ignores them. Records are kept for IDEMPOTENCY_DAYS: if a key is sent again later, it counts as new.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

from django.db import OperationalError, connection, transaction
from django.utils import timezone

from core.databases import SQLITE_BUSY_TIMEOUT_S, is_lock_timeout, is_postgresql
from core.django_internals import connection_of_thread
from core.errors import IdempotencyMismatch, InProgress, InvalidInput
from core.models import IdempotencyRecord

DUPLICATE_WAIT_S = 5
MAX_KEY_LENGTH = 255
CLAIMS = 3
PRUNED_AT_ONCE = 1_000

CLAIM = """
INSERT INTO ecommerce_idempotencyrecord (user_id, operation, key, input_hash, result, created_at)
VALUES (%s, %s, %s, %s, '{}', %s) ON CONFLICT DO NOTHING RETURNING id
"""
# Waits for a duplicate in flight no longer than DUPLICATE_WAIT_S; for all other locks the timeout stays as it is.
CLAIM_WITHIN_S = """
WITH usual AS MATERIALIZED (SELECT current_setting('lock_timeout') AS value), claimed AS (
    INSERT INTO ecommerce_idempotencyrecord (user_id, operation, key, input_hash, result, created_at)
    SELECT %s, %s, %s, %s, '{}', %s FROM usual WHERE set_config('lock_timeout', %s, true) IS NOT NULL
    ON CONFLICT DO NOTHING RETURNING id
) SELECT claimed.id, set_config('lock_timeout', usual.value, true) FROM usual LEFT JOIN claimed ON true
"""
REMEMBER = "UPDATE ecommerce_idempotencyrecord SET result = %s WHERE id = %s"

Result = TypeVar("Result")


class Claim(NamedTuple):
    """The columns of the record that makes a call the first with its key."""

    user_id: int
    operation: str
    key: str
    input_hash: str


def once(
    *,
    caller_id: int,
    operation: str,
    key: str | None,
    validated: object,
    act: Callable[[], tuple[Result, Any]],
    recall: Callable[[Any], Result],
    act_at_once: Callable[[Claim], Result | None] | None = None,
) -> Result:
    """Run `act` and return its result, or return the result of the first call with this key.

    `act` does all or nothing. It returns its result and a memo (JSON) from which `recall` makes the same result again;
    the memo is written in the same transaction. `validated` (JSON) is the caller's input. A duplicate of a call in
    progress waits up to DUPLICATE_WAIT_S for it. Raises IdempotencyMismatch, InProgress, InvalidInput (for the key),
    and all exceptions of `act`: then no record is kept, and the key can be used again.
    `act_at_once` may do the same in one statement: it writes the record too. It returns None if it wrote no row, for
    example because the key is used; then `act` is next.
    """
    if key is None:
        return act()[0]
    key = _checked(key)
    digest = hashlib.sha256(json.dumps(validated, sort_keys=True).encode()).hexdigest()
    claim = Claim(caller_id, operation, key, digest)
    if act_at_once is not None and (done := act_at_once(claim)) is not None:
        return done
    with ExitStack() as stack:
        with _in_progress_past(DUPLICATE_WAIT_S):
            stack.enter_context(transaction.atomic())
            record_id, first = _claimed(claim)
        if record_id is None:
            return recall(_memo_of(first, digest))
        result, memo = act()
        _run(REMEMBER, [json.dumps(memo), record_id])
        return result


def _checked(key: str) -> str:
    """Return the key without spaces at its ends. Raises InvalidInput."""
    key = key.strip(" ")
    if not (0 < len(key) <= MAX_KEY_LENGTH and key.isascii() and key.isprintable()):
        raise InvalidInput(f"Idempotency-Key must be 1 to {MAX_KEY_LENGTH} printable ASCII characters")
    return key


def _claimed(claim: Claim) -> tuple[int | None, Any]:
    """Return the id of a new record if this call is the first, else None and the record of the first call.

    Raises InProgress.
    """
    names = {"user_id": claim.user_id, "operation": claim.operation, "key": claim.key}
    for _ in range(CLAIMS):  # `prune_records` can delete the first record in between, so another call can become first
        if record_id := _claim(claim):
            return record_id, None
        if first := IdempotencyRecord.objects.filter(**names).first():
            return None, first
    raise _in_progress()


def _claim(claim: Claim) -> int | None:
    """Insert the record that makes this call the first; return None if another call has committed its record."""
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    values = [*claim, now]
    rows = _run(CLAIM_WITHIN_S, [*values, f"{DUPLICATE_WAIT_S}s"]) if is_postgresql() else _run(CLAIM, values)
    return rows[0][0] if rows else None


def _run(sql: str, params: list[Any]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = connection_of_thread().rows_written(sql, params)
    return rows


def _memo_of(first: IdempotencyRecord, digest: str) -> Any:
    if first.input_hash != digest:
        raise IdempotencyMismatch("Idempotency-Key was used with other input")
    return first.result


@contextmanager
def _in_progress_past(seconds: int) -> Iterator[None]:
    """Raise InProgress when the lock is not acquired in time.

    A duplicate waits for the unique row on PostgreSQL, and on SQLite for the one write lock, acquired at BEGIN.
    """
    try:
        _set_busy_timeout(seconds)
        yield
    except OperationalError as error:
        if not is_lock_timeout(error):
            raise
        raise _in_progress() from error
    finally:
        _set_busy_timeout(SQLITE_BUSY_TIMEOUT_S)


def _in_progress() -> InProgress:
    return InProgress("The first request with this Idempotency-Key is still running", retry_after_s=1)


def _set_busy_timeout(seconds: int) -> None:
    if not is_postgresql():
        _run(f"PRAGMA busy_timeout = {seconds * 1000}", [])


def prune_records(*, days: float) -> int:
    """Delete the records that are older than `days`, in short transactions. Returns the number of deleted records."""
    old = IdempotencyRecord.objects.filter(created_at__lt=timezone.now() - timedelta(days=days)).order_by("pk")
    deleted = 0
    while ids := list(old.values_list("pk", flat=True)[:PRUNED_AT_ONCE]):
        deleted += IdempotencyRecord.objects.filter(pk__in=ids).delete()[0]
    return deleted
