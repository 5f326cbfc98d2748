"""Permissions for products. Reading is open to all callers."""

from core.actors import Actor
from core.permissions import StaffRole, has_role


def can_edit_products(user: Actor) -> bool:
    return has_role(user, StaffRole.CATALOGUE)
