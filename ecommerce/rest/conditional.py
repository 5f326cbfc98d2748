"""Conditional requests (RFC 9110, section 13) and the Last-Modified of a body."""

import hashlib
import re
from collections.abc import Collection
from datetime import datetime
from typing import Any

import orjson
from django.http import HttpResponseNotModified
from django.utils.cache import patch_cache_control
from django.utils.http import http_date, parse_etags, parse_http_date_safe
from rest_framework.request import Request
from rest_framework.response import Response

from ecommerce.errors import PreconditionFailed
from ecommerce.rest.errors import body_of

SAFE_METHODS = ("GET", "HEAD")


def version_tag(pk: int, version: int) -> str:
    """Return the strong validator of a row that carries a version."""
    return f'"{pk}-{version}"'


def body_tag(body: Any) -> str:
    """Return the strong validator of an answer that no single version stands for."""
    return f'"{hashlib.sha256(orjson.dumps(body, default=str)).hexdigest()[:32]}"'


def versions_matching(request: Request, pk: int) -> Collection[int] | None:
    """Return the versions of row `pk` that If-Match names; None when any will do.

    Weak tags and those of other rows match nothing (RFC 9110, 13.1.1).
    """
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    tags = (re.fullmatch(rf'"{pk}-(\d{{1,10}})"', tag) for tag in parse_etags(header))
    return {int(tag[1]) for tag in tags if tag}


def validators(tag: str, modified: datetime | None = None) -> dict[str, str]:
    """Build the headers ETag and Last-Modified."""
    headers = {"ETag": tag}
    if modified is not None:
        headers["Last-Modified"] = http_date(modified.timestamp())
    return headers


def conditional(request: Request, response: Any) -> Any:
    """Answer 304 or 412 in place of a body that the client has, or does not want as it is."""
    if request.method not in SAFE_METHODS or getattr(response, "status_code", 0) != 200 or "ETag" not in response:
        return response
    patch_cache_control(response, no_cache=True)
    tag, wanted = response["ETag"], request.headers.get("If-Match")
    if wanted is not None and wanted.strip() != "*" and tag not in parse_etags(wanted):
        return Response(body_of(PreconditionFailed("If-Match does not match")), status=412)
    return _not_modified(response) if _client_has_it(request, response) else response


def _client_has_it(request: Request, response: Response) -> bool:
    known = request.headers.get("If-None-Match")
    if known is not None:  # it decides alone: RFC 9110, 13.2.2
        tags = [tag.removeprefix("W/") for tag in parse_etags(known)]
        return response["ETag"] in tags or known.strip() == "*"
    since = parse_http_date_safe(request.headers.get("If-Modified-Since", ""))
    modified = parse_http_date_safe(response.get("Last-Modified", ""))
    return since is not None and modified is not None and modified <= since


def _not_modified(response: Response) -> HttpResponseNotModified:
    answer = HttpResponseNotModified()
    for name in ("ETag", "Last-Modified", "Cache-Control", "Vary", "Location"):
        if name in response:
            answer[name] = response[name]
    return answer
