"""Conditional requests (RFC 9110, section 13): validators, and responses for clients that already have the body.

An HTTP date has a resolution of one second, and a row can change twice within a second. So a row counts as settled
from the second after its last change (RFC 9110, 8.8.2.2), and `Last-Modified` is that second. A response within the
second of the change has an earlier date, the current second: later requests with this date do not match, so a GET
returns the row again, and a write gets 412. A row that never changed is settled from the second of its creation.

The second is that of the change, not of the commit. If a transaction commits in a later second, a client may have read
the old row with a date that is not before the change. The ETag has no such gap.
"""

import hashlib
import time
from collections.abc import Callable, Collection
from datetime import datetime
from functools import lru_cache
from typing import Protocol

from django.conf import settings
from django.http import HttpResponse, HttpResponseNotModified
from django.utils.http import http_date, parse_etags, parse_http_date_safe
from rest_framework.request import Request
from rest_framework.response import Response

from core.errors import PreconditionFailed
from core.protocols.rest.errors import refused
from core.protocols.rest.renderers import RENDERERS
from core.protocols.rest.versions import V1, VERSIONS

SAFE_METHODS = ("GET", "HEAD")
BODY_HEADERS = ("Content-Type", "Content-Length", "Allow")


class Versioned(Protocol):
    """A row with the columns that validators are computed from."""

    @property
    def pk(self) -> int: ...
    @property
    def version(self) -> int: ...
    @property
    def updated_at(self) -> datetime: ...


def precondition_of(request: Request) -> Callable[[Versioned], str | None]:
    """Return the check of a row against the preconditions of a write.

    The function returns the header name of the first precondition that the row does not meet, or None. The order is
    that of RFC 9110, 13.2.2. An ETag matches if any response with this row has it, in any version of REST and any
    format.
    """

    def unmet(row: Versioned) -> str | None:
        tags = {row_tag(row.pk, row.version, version, kind.format) for version in VERSIONS for kind in RENDERERS}
        if failed := _unmet_precondition(request, tags, settled_at(row.version, row.updated_at)):
            return failed
        return "If-None-Match" if is_known(request.headers.get("If-None-Match"), tags) else None

    return unmet


def add_validators(request: Request, response: Response, row: Versioned) -> Response:
    """Add the headers ETag and Last-Modified of the row that the response shows.

    The tag is strong, so it differs between versions of REST, between formats, and between currencies if the response
    names the currency.
    """
    settled = settled_at(row.version, row.updated_at)
    response["ETag"] = row_tag(row.pk, row.version, request.version or V1, request.accepted_renderer.format)
    response["Last-Modified"] = date_of(settled)
    response.settled_at = settled  # type: ignore[attr-defined]  # `conditional` reads it after rendering
    return response


def settled_at(version: int, updated_at: datetime) -> int:
    """Return the second (Unix time) from which a row is settled: it has not changed since."""
    changed_at = int(updated_at.timestamp())
    return changed_at if version == 1 else changed_at + 1


def date_of(settled: int) -> str:
    """Return Last-Modified; it is never ahead of Date (RFC 9110, 8.8.2.1)."""
    return _date(min(settled, int(time.time())))


_date = lru_cache(4_096)(http_date)


def tag_of_content(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def row_tag(pk: int, version: int, rest_version: str, format: str) -> str:
    if (rest_version, format) == (V1, "json"):
        return f'"{pk}-{version}"'
    currency = "" if rest_version == V1 else f"-{settings.STORE_CURRENCY}"
    return f'"{pk}-{version}-{rest_version}-{format}{currency}"'


def conditional(request: Request, response: Response) -> HttpResponse:
    """Return the rendered response to a GET or HEAD, or a 304 or 412 instead.

    If the response has no ETag of a row, its ETag is a hash of its content.
    """
    if "ETag" not in response:
        response["ETag"] = tag_of_content(response.content)
    settled = getattr(response, "settled_at", None)  # lists have none: only their ETag is compared
    if unmet := _unmet_precondition(request, {response["ETag"]}, settled):
        return _precondition_failed(request, response, unmet)
    return _not_modified(response) if _is_unmodified(request, response["ETag"], settled) else response


def _unmet_precondition(request: Request, tags: Collection[str], settled: int | None) -> str | None:
    """Return the name of the precondition that the present state does not meet, or None."""
    wanted = request.headers.get("If-Match")
    if wanted is not None:  # If-Unmodified-Since is ignored then (RFC 9110, 13.1.4); weak tags never match (13.1.1)
        return None if wanted.strip() == "*" or set(parse_etags(wanted)) & set(tags) else "If-Match"
    since = parse_http_date_safe(request.headers.get("If-Unmodified-Since", ""))
    return "If-Unmodified-Since" if since is not None and settled is not None and settled > since else None


def is_known(header: str | None, tags: Collection[str]) -> bool:
    """Whether If-None-Match names one of the tags, which the client then has already (RFC 9110, 13.1.2)."""
    if not header:
        return False
    return header.strip() == "*" or not {tag.removeprefix("W/") for tag in parse_etags(header)}.isdisjoint(tags)


def _is_unmodified(request: Request, tag: str, settled: int | None) -> bool:
    known = request.headers.get("If-None-Match")
    if known is not None:  # If-Modified-Since is ignored then: RFC 9110, 13.2.2
        return is_known(known, {tag})
    since = parse_http_date_safe(request.headers.get("If-Modified-Since", ""))
    return since is not None and settled is not None and settled <= since


def _not_modified(response: Response) -> HttpResponse:
    headers = {name: value for name, value in response.items() if name not in BODY_HEADERS}
    return HttpResponseNotModified(headers=headers)


def _precondition_failed(request: Request, response: Response, unmet: str) -> HttpResponse:
    refusal = refused(PreconditionFailed(f"{unmet} does not match"), request)
    refusal.accepted_renderer = response.accepted_renderer
    # The stubs do not know the attribute.
    refusal.renderer_context = response.renderer_context  # type: ignore[attr-defined]
    refusal.accepted_media_type = response.accepted_media_type
    refusal.content_type = refusal.media_type(response.accepted_renderer.format)
    for name, value in response.items():
        if name not in (*BODY_HEADERS, "ETag", "Last-Modified", "Link"):
            refusal[name] = value
    refusal["Cache-Control"] = "no-store"
    answer: HttpResponse = refusal.render()
    return answer
