"""An operation that a caller named by a key is done once, however often it is sent.

The key is what the IETF draft idempotency-key-header calls so.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

from django.db import IntegrityError, OperationalError, connection, transaction

from ecommerce.databases import SQLITE_BUSY_TIMEOUT_S, is_lock_timeout, is_postgresql
from ecommerce.errors import IdempotencyMismatch, InProgress, InvalidInput
from ecommerce.models import IdempotencyRecord

TWIN_WAIT_S = 5
MAX_KEY_LENGTH = 255

Result = TypeVar("Result")


def once(
    *,
    caller_id: int,
    operation: str,
    key: str | None,
    validated: Any,
    act: Callable[[], tuple[Result, Any]],
    recall: Callable[[Any], Result],
) -> Result:
    """Do `act` in a transaction and answer with its result, or answer with the result of the first call of this key.

    `act` returns its result and a memo (JSON) from which `recall` makes the same result again; the memo is written in
    the same transaction. `validated` (JSON) is what the caller asked for. A twin of a call that is under way waits up
    to TWIN_WAIT_S for it. Raises IdempotencyMismatch, InProgress, InvalidInput (the key), and whatever `act` raises:
    then nothing is kept, and the key is free.
    """
    if key is None:
        with transaction.atomic():
            return act()[0]
    _check_key(key)
    names = {"user_id": caller_id, "operation": operation, "key": key}
    digest = hashlib.sha256(json.dumps(validated, sort_keys=True).encode()).hexdigest()
    with ExitStack() as stack:
        with _in_progress_past(TWIN_WAIT_S):
            stack.enter_context(transaction.atomic())
            record = _claim(names, digest)
        if record is None:
            return recall(_memo_of_first(names, digest))
        result, record.result = act()
        record.save(update_fields=["result"])
        return result


def _check_key(key: str) -> None:
    if not (0 < len(key) <= MAX_KEY_LENGTH and key.isascii() and key.isprintable()):
        raise InvalidInput(f"Idempotency-Key must be 1 to {MAX_KEY_LENGTH} printable ASCII characters")


def _claim(names: dict[str, Any], digest: str) -> IdempotencyRecord | None:
    """Write the row that makes this call the first, or return None when another's is committed."""
    if is_postgresql():
        _wait_for_locks(f"'{TWIN_WAIT_S}s'")
    try:
        with transaction.atomic():
            record = IdempotencyRecord.objects.create(**names, input_hash=digest)
    except IntegrityError:
        record = None
    if is_postgresql():
        _wait_for_locks("DEFAULT")
    return record


def _wait_for_locks(value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = {value}")


def _memo_of_first(names: dict[str, Any], digest: str) -> Any:
    first = IdempotencyRecord.objects.get(**names)
    if first.input_hash != digest:
        raise IdempotencyMismatch("Idempotency-Key was used with other input")
    return first.result


@contextmanager
def _in_progress_past(seconds: int) -> Iterator[None]:
    """Turn a lock that is not to be had in time into InProgress.

    On PostgreSQL the unique row is what a twin waits for; on SQLite it is the one write lock, taken at BEGIN.
    """
    try:
        _be_patient(seconds)
        yield
    except OperationalError as error:
        if not is_lock_timeout(error):
            raise
        raise InProgress("The first request with this Idempotency-Key is still running", retry_after_s=1) from error
    finally:
        _be_patient(SQLITE_BUSY_TIMEOUT_S)


def _be_patient(seconds: int) -> None:
    if not is_postgresql():
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {seconds * 1000}")
