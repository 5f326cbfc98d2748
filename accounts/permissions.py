"""Permissions for users."""

from core.actors import Actor
from core.permissions import is_staff, is_unlimited_staff


def can_list_users(user: Actor) -> bool:
    return is_staff(user)


def can_change_users(user: Actor) -> bool:
    return is_unlimited_staff(user)
