"""Conditional requests (RFC 9110, section 13): validators, and what is answered to who has the body already."""

import hashlib
import re
from collections.abc import Collection
from datetime import datetime

from django.conf import settings
from django.http import HttpResponse, HttpResponseNotModified
from django.utils.http import http_date, parse_etags, parse_http_date_safe
from rest_framework.request import Request
from rest_framework.response import Response

from ecommerce.errors import PreconditionFailed
from ecommerce.rest.errors import refused
from ecommerce.rest.versions import V1

SAFE_METHODS = ("GET", "HEAD")
BODY_HEADERS = ("Content-Type", "Content-Length", "Allow")


def versions_matching(request: Request, pk: int) -> Collection[int] | None:
    """Return the versions of row `pk` that If-Match names, in whatever form they were read; None when any will do.

    Weak tags and those of other rows match nothing (RFC 9110, 13.1.1).
    """
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    tags = (re.fullmatch(rf'"{pk}-(\d{{1,10}})(?:-[\w-]+)?"', tag) for tag in parse_etags(header))
    return {int(tag[1]) for tag in tags if tag}


def validators(request: Request, pk: int, version: int, modified: datetime) -> dict[str, str]:
    """Build the headers ETag and Last-Modified of a row that carries a version.

    The tag is strong, so it is another one in each version of REST, in each format, and in each currency where money
    names it.
    """
    form = f"{request.version}-{request.accepted_renderer.format}"
    if request.version != V1:
        form += f"-{settings.STORE_CURRENCY}"
    suffix = "" if form == "v1-json" else f"-{form}"
    return {"ETag": f'"{pk}-{version}{suffix}"', "Last-Modified": http_date(modified.timestamp())}


def conditional(request: Request, response: Response) -> HttpResponse:
    """Return the answer to a GET, once it is rendered, or 304 or 412 in its place.

    An answer that no single version stands for is tagged by what is written.
    """
    if "ETag" not in response:
        response["ETag"] = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    tag, wanted = response["ETag"], request.headers.get("If-Match")
    if wanted is not None and wanted.strip() != "*" and tag not in parse_etags(wanted):
        return _failed(request, response)
    return _not_modified(response) if _client_has_it(request, response) else response


def _client_has_it(request: Request, response: Response) -> bool:
    known = request.headers.get("If-None-Match")
    if known is not None:  # it decides alone: RFC 9110, 13.2.2
        tags = [tag.removeprefix("W/") for tag in parse_etags(known)]
        return response["ETag"] in tags or known.strip() == "*"
    since = parse_http_date_safe(request.headers.get("If-Modified-Since", ""))
    modified = parse_http_date_safe(response.get("Last-Modified", ""))
    return since is not None and modified is not None and modified <= since


def _not_modified(response: Response) -> HttpResponse:
    headers = {name: value for name, value in response.items() if name not in BODY_HEADERS}
    return HttpResponseNotModified(headers=headers)


def _failed(request: Request, response: Response) -> HttpResponse:
    refusal = refused(PreconditionFailed("If-Match does not match"), request)
    refusal.accepted_renderer, refusal.renderer_context = response.accepted_renderer, response.renderer_context
    refusal.accepted_media_type = response.accepted_media_type
    refusal.content_type = refusal.media_type(response.accepted_renderer.format)
    for name, value in response.items():
        if name not in (*BODY_HEADERS, "ETag", "Last-Modified", "Link"):
            refusal[name] = value
    refusal["Cache-Control"] = "no-store"
    return refusal.render()
