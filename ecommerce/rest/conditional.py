"""Conditional requests (RFC 9110, section 13): validators, and what is answered to who has the body already."""

import hashlib
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpResponse, HttpResponseNotModified
from django.utils.http import http_date, parse_etags, parse_http_date_safe
from rest_framework.request import Request
from rest_framework.response import Response

from ecommerce.errors import PreconditionFailed
from ecommerce.rest.errors import refused
from ecommerce.rest.renderers import RENDERERS
from ecommerce.rest.versions import V1, VERSIONS

SAFE_METHODS = ("GET", "HEAD")
BODY_HEADERS = ("Content-Type", "Content-Length", "Allow")


def unmet_by(request: Request) -> Callable[[Any], str | None]:
    """Return what names the condition of a write that a row with a version does not meet; None when it meets all.

    In the order of RFC 9110, 13.2.2. Rows are known by the tag of every form that they are read in.
    """

    def unmet(row: Any) -> str | None:
        tags = {_tag(row.pk, row.version, version, kind.format) for version in VERSIONS for kind in RENDERERS}
        if failed := _failed_condition(request, tags, int(row.updated_at.timestamp())):
            return failed
        return "If-None-Match" if _is_known(request.headers.get("If-None-Match"), tags) else None

    return unmet


def validators(request: Request, pk: int, version: int, modified: datetime) -> dict[str, str]:
    """Build the headers ETag and Last-Modified of a row that carries a version.

    The tag is strong, so it is another one in each version of REST, in each format, and in each currency where money
    names it.
    """
    tag = _tag(pk, version, request.version, request.accepted_renderer.format)
    return {"ETag": tag, "Last-Modified": http_date(modified.timestamp())}


def _tag(pk: int, version: int, rest_version: str, format: str) -> str:
    if (rest_version, format) == (V1, "json"):
        return f'"{pk}-{version}"'
    currency = "" if rest_version == V1 else f"-{settings.STORE_CURRENCY}"
    return f'"{pk}-{version}-{rest_version}-{format}{currency}"'


def conditional(request: Request, response: Response) -> HttpResponse:
    """Return the answer to a GET, once it is rendered, or 304 or 412 in its place.

    An answer that no single version stands for is tagged by what is written.
    """
    if "ETag" not in response:
        response["ETag"] = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    modified = parse_http_date_safe(response.get("Last-Modified", ""))
    if unmet := _failed_condition(request, {response["ETag"]}, modified):
        return _failed(request, response, unmet)
    return _not_modified(response) if _client_has_it(request, response["ETag"], modified) else response


def _failed_condition(request: Request, tags: Collection[str], modified: int | None) -> str | None:
    """Name the condition that asks for what is not there; `modified` is in Unix seconds."""
    wanted = request.headers.get("If-Match")
    if wanted is not None:  # it decides alone, and weak tags match nothing: RFC 9110, 13.1.1 and 13.1.4
        return None if wanted.strip() == "*" or set(parse_etags(wanted)) & set(tags) else "If-Match"
    since = parse_http_date_safe(request.headers.get("If-Unmodified-Since", ""))
    return "If-Unmodified-Since" if since is not None and modified is not None and modified > since else None


def _is_known(header: str | None, tags: Collection[str]) -> bool:
    known = header or ""
    return known.strip() == "*" or not {tag.removeprefix("W/") for tag in parse_etags(known)}.isdisjoint(tags)


def _client_has_it(request: Request, tag: str, modified: int | None) -> bool:
    known = request.headers.get("If-None-Match")
    if known is not None:  # it decides alone: RFC 9110, 13.2.2
        return _is_known(known, {tag})
    since = parse_http_date_safe(request.headers.get("If-Modified-Since", ""))
    return since is not None and modified is not None and modified <= since


def _not_modified(response: Response) -> HttpResponse:
    headers = {name: value for name, value in response.items() if name not in BODY_HEADERS}
    return HttpResponseNotModified(headers=headers)


def _failed(request: Request, response: Response, unmet: str) -> HttpResponse:
    refusal = refused(PreconditionFailed(f"{unmet} does not match"), request)
    refusal.accepted_renderer, refusal.renderer_context = response.accepted_renderer, response.renderer_context
    refusal.accepted_media_type = response.accepted_media_type
    refusal.content_type = refusal.media_type(response.accepted_renderer.format)
    for name, value in response.items():
        if name not in (*BODY_HEADERS, "ETag", "Last-Modified", "Link"):
            refusal[name] = value
    refusal["Cache-Control"] = "no-store"
    return refusal.render()
