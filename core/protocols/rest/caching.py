"""Cache-Control and Vary of a response (RFC 9111).

If a response is the same for all callers, a shared cache may serve it for CACHE_PUBLIC_S seconds. If that is 0, the
cache must revalidate it each time. A browser always revalidates, with the ETag: a client that changed a price, or saw
the change in a stream, must not see the old one. `must-revalidate` keeps caches from serving a stale response.

Every response varies by Authorization. So a shared cache serves its copy only to callers without a token, and this
server checks every token. The response to a request with a token is never public.
"""

from django.conf import settings
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from rest_framework.request import Request

from core.protocols.rest.conditional import SAFE_METHODS

VARY = ("Accept", "Authorization")


def set_cache_headers(request: Request, response: HttpResponseBase, *, is_open: bool) -> None:
    """Set Vary, and Cache-Control if the view has not set it. `is_open`: the response is the same for all callers."""
    patch_vary_headers(response, VARY)
    if "Cache-Control" not in response:
        response["Cache-Control"] = _directives(request, response, is_open)


def is_shared_by_caches(response: HttpResponseBase) -> bool:
    """Whether a shared cache may serve this response to other callers."""
    return is_shared(response.get("Cache-Control", ""))


def is_shared(directives: str) -> bool:
    return "s-maxage" in directives


def _directives(request: Request, response: HttpResponseBase, is_open: bool) -> str:
    if request.method not in SAFE_METHODS or response.status_code != 200:
        return "no-store"
    return directives_of(is_open=is_open and "Authorization" not in request.headers)


def directives_of(*, is_open: bool) -> str:
    """Return Cache-Control of a response with a body; `is_open` if it is the same for all callers."""
    if not is_open:
        return "private, no-cache"
    shared = f" s-maxage={settings.CACHE_PUBLIC_S}," if settings.CACHE_PUBLIC_S > 0 else ""
    return f"public, max-age=0,{shared} must-revalidate"
