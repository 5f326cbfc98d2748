"""What caches may do with an answer (RFC 9111).

An answer that is the same for all may be kept by a shared cache for CACHE_PUBLIC_S, and not at all where that is 0. A
browser asks each time, with the ETag: who has just changed a price, or was told of one by a stream, must not be shown
the old one. What is stale is not shown either: `must-revalidate`.

Every answer varies by Authorization: a cache gives what it keeps to strangers alone, so that a token is always looked
at here, and what is answered to one is `private`.
"""

from django.conf import settings
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from rest_framework.request import Request

from ecommerce.rest.conditional import SAFE_METHODS

VARY = ("Accept", "Authorization")


def say_who_may_keep(request: Request, response: HttpResponseBase, *, is_open: bool) -> None:
    """Set Cache-Control, unless the view has, and Vary; `is_open` says that the answer is the same for all."""
    patch_vary_headers(response, VARY)
    if "Cache-Control" not in response:
        response["Cache-Control"] = _directives(request, response, is_open)


def is_kept_by_others(response: HttpResponseBase) -> bool:
    """Say whether a shared cache may give this answer to other callers."""
    return "s-maxage" in response.get("Cache-Control", "")


def _directives(request: Request, response: HttpResponseBase, is_open: bool) -> str:
    if request.method not in SAFE_METHODS or response.status_code != 200:
        return "no-store"
    if not is_open or "Authorization" in request.headers:
        return "private, no-cache"
    shared = f" s-maxage={settings.CACHE_PUBLIC_S}," if settings.CACHE_PUBLIC_S > 0 else ""
    return f"public, max-age=0,{shared} must-revalidate"
