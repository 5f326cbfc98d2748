"""The rules that decide who may run an action. Each action carries its rule, and every protocol reads it there."""

from collections.abc import Callable, Hashable
from enum import StrEnum
from functools import wraps
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from core.actors import Actor, SignedIn
from core.errors import Forbidden, Unauthenticated
from core.origin import originating

Rule = Callable[[Actor], bool]  # whether a caller has the permission
P = ParamSpec("P")
R = TypeVar("R", covariant=True)


class Action(Protocol[P, R]):
    """A function that writes for its `actor`, if the actor passes its rule."""

    rule: Rule

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...


Guard = Rule | Action[Any, Any]


def permitted(rule: Rule) -> Callable[[Callable[P, R]], Action[P, R]]:
    """Let the decorated action refuse every `actor` that does not pass the rule."""

    def decorate(function: Callable[P, R]) -> Action[P, R]:
        @wraps(function)
        def action(*args: P.args, **kwargs: P.kwargs) -> R:
            actor = cast("Actor", kwargs["actor"])
            require(actor, rule)
            with originating(actor_id=actor.pk):
                return function(*args, **kwargs)

        return cast("Action[P, R]", guarded_by(rule)(action))

    return decorate


def guarded_by(guard: Guard) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Attach a rule, or the rule of an action, to the decorated method of a view or a service.

    The protocol applies the rule before it reads any input, so a refusal reveals nothing about the input.
    """

    def decorate(method: Callable[P, R]) -> Callable[P, R]:
        method.rule = rule_of(guard)  # type: ignore[attr-defined]  # for `rule_of` to read
        return method

    return decorate


def rule_of(guard: Guard) -> Rule:
    """Return the rule of an action. A rule is returned unchanged."""
    return getattr(guard, "rule", guard)


def require(actor: Actor, guard: Guard) -> None:
    """Return if the actor passes. Raises Unauthenticated for an anonymous caller, Forbidden for a known one."""
    if rule_of(guard)(actor):
        return
    if not actor.is_authenticated:
        raise Unauthenticated()
    raise Forbidden()


def signed_in(actor: Actor) -> SignedIn:
    """Return the caller as a user. Raises Unauthenticated for an anonymous caller."""
    if not actor.is_authenticated:
        raise Unauthenticated()
    return actor


def anyone(user: Actor) -> bool:
    return True


def is_signed_in(user: Actor) -> bool:
    return bool(user.is_authenticated)


def is_staff(user: Actor) -> bool:
    return bool(user.is_authenticated and user.is_staff)


class StaffRole(StrEnum):
    """The names of the groups that limit staff. All staff may read; each role adds writes."""

    ORDERS = "orders"
    CATALOGUE = "catalogue"
    READ_ONLY = "read only"


def has_role(user: Actor, *roles: StaffRole) -> bool:
    """Whether the user is staff with one of these roles. Superusers, and staff in no role's group, have all roles."""
    if not (user.is_authenticated and user.is_staff):
        return False
    return user.is_superuser or not user.role_names or not user.role_names.isdisjoint(roles)


def is_unlimited_staff(user: Actor) -> bool:
    """Whether the user is staff whom no role limits."""
    return has_role(user)


def access_key(user: Actor) -> Hashable:
    """Return the attributes that decide access: callers with the same key get the same responses."""
    return (user.pk, bool(user.is_staff)) if user.is_authenticated else None
