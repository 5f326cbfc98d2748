"""Imports between upload and end, kept in the database: the next request may go to another process."""

import zlib
from datetime import timedelta
from typing import Any

import orjson
from django.http import Http404
from django.utils import timezone

from core.actors import SignedIn
from core.models import PendingImport

KEPT = timedelta(days=1)
MAX_NAME_LENGTH = 200


def keep_import(*, user: SignedIn, kind: str, file_name: str, content: object) -> PendingImport:
    """Store what was understood of a file; `content` becomes JSON."""
    return PendingImport.objects.create(
        user=user, kind=kind, file_name=file_name[-MAX_NAME_LENGTH:], content=_packed(content)
    )


def own_import(user: SignedIn, kind: str, pk: int) -> PendingImport:
    """Return an import of this user. Raises Http404."""
    found = PendingImport.objects.filter(pk=pk, user=user, kind=kind).first()
    if found is None:
        raise Http404("This import was cancelled, or it is more than a day old.")
    return found


def content_of(kept: PendingImport) -> Any:
    return orjson.loads(zlib.decompress(kept.content))


def finish_import(kept: PendingImport, content: object) -> None:
    """Replace the content by the result."""
    kept.content, kept.is_done = _packed(content), True
    kept.save(update_fields=["content", "is_done"])


def prune_imports() -> int:
    """Delete the imports that are older than KEPT. Returns their number."""
    return PendingImport.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]


def _packed(content: object) -> bytes:
    return zlib.compress(orjson.dumps(content, default=str), level=1)
