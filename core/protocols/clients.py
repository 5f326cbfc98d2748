"""The client of a request."""

from rest_framework.request import Request

from core.callers import Caller


def caller_in(request: Request) -> Caller:
    return Caller(request.user, address_of(request), request.auth)


def address_of(request: Request) -> str:
    return request.META.get("REMOTE_ADDR") or "unknown"
