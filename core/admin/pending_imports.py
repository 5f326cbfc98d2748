"""Uploaded imports that are not finished. They are in the database: another process may get the next request."""

import zlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import orjson
from django.db import transaction
from django.http import Http404
from django.utils import timezone

from core.actors import SignedIn
from core.models import PendingImport

KEPT = timedelta(days=1)
MAX_NAME_LENGTH = 200
GONE = "This import was cancelled, or it is more than a day old."
Row = TypeVar("Row")


def keep_import(*, user: SignedIn, kind: str, file_name: str, content: object) -> PendingImport:
    """Store the parsed content of a file, as JSON."""
    return PendingImport.objects.create(
        user=user, kind=kind, file_name=file_name[-MAX_NAME_LENGTH:], content=_packed(content)
    )


def own_import(user: SignedIn, kind: str, pk: int) -> PendingImport:
    """Return an import of this user. Raises Http404."""
    found = PendingImport.objects.filter(pk=pk, user=user, kind=kind).first()
    if found is None:
        raise Http404(GONE)
    return found


def content_of(kept: PendingImport) -> Any:
    return orjson.loads(zlib.decompress(kept.content))


def apply_once(
    kept: PendingImport, rows: Sequence[Row], size: int, apply_rows: Callable[[Sequence[Row]], dict[int, str]]
) -> dict[int, str]:
    """Apply each row once, `size` rows at a time, even if the user confirms several times at once.

    One transaction applies a part, notes that it is done, and locks the import. If a process is killed, the next
    request continues its work. Returns the reasons of refusals, by line. Raises Http404 if the import was cancelled.
    """
    while True:
        with transaction.atomic():
            current = PendingImport.objects.select_for_update().filter(pk=kept.pk).first()
            if current is None:
                raise Http404(GONE)
            part = rows[current.rows_done : current.rows_done + size]
            if current.is_done or not part:
                return {int(line): reason for line, reason in current.refused.items()}
            current.refused |= {str(line): reason for line, reason in apply_rows(part).items()}
            current.rows_done += len(part)
            current.save(update_fields=["refused", "rows_done"])


def finish_import(kept: PendingImport, content: object) -> None:
    """Replace the content by the result."""
    kept.content, kept.is_done = _packed(content), True
    kept.save(update_fields=["content", "is_done"])


def cancel_import(kept: PendingImport) -> bool:
    """Delete the import if no row of it is applied yet. Returns whether it was deleted."""
    return bool(PendingImport.objects.filter(pk=kept.pk, rows_done=0, is_done=False).delete()[0])


def prune_imports() -> int:
    """Delete the imports that are older than KEPT. Returns their number."""
    return PendingImport.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]


def _packed(content: object) -> bytes:
    return zlib.compress(orjson.dumps(content, default=str), level=1)
