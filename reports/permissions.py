"""Permissions for the figures about sales."""

from core.actors import Actor
from core.permissions import StaffRole, has_role


def can_see_sales(user: Actor) -> bool:
    return has_role(user, StaffRole.ORDERS, StaffRole.READ_ONLY)
