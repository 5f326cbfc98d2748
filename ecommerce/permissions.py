"""The two ways to be refused, and what of a user the rules look at."""

from collections.abc import Hashable
from typing import Any

from ecommerce.errors import Forbidden, Unauthenticated


def require(actor: Any, allowed: bool) -> None:
    """Pass when allowed. Raises Unauthenticated for a stranger, Forbidden for a known caller."""
    if allowed:
        return
    if not actor.is_authenticated:
        raise Unauthenticated()
    raise Forbidden()


def is_staff(user: Any) -> bool:
    return bool(user.is_authenticated and user.is_staff)


def is_signed_in(user: Any) -> bool:
    return bool(user.is_authenticated)


def standing_of(user: Any) -> Hashable:
    """Return all that decides what a user may see: who agree in it are given the same answers."""
    return (user.pk, bool(user.is_staff)) if user.is_authenticated else None
