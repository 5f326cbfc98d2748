"""The URLs of rows in responses."""

from functools import cache, lru_cache

from django.urls import reverse
from rest_framework.request import Request

from core.plans.plan import Links

_ANY_ID = 987_654_321  # marks the place of the id in a route


def links_in(request: Request) -> Links:
    return links(request.build_absolute_uri("/").removesuffix("/"), request.version)


@lru_cache(1_000)  # bounded, because a Host header may name any port
def links(site: str, version: str) -> Links:
    """Return a function from the name of a route to its URL in two parts, before and after the id.

    `site` is scheme and host.
    """

    @cache
    def of(route: str) -> tuple[str, str]:
        before, after = reverse(route, kwargs={"version": version, "pk": _ANY_ID}).split(str(_ANY_ID))
        return site + before, after

    return of
