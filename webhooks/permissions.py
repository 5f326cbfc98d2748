"""Permissions for webhooks."""

from core.actors import Actor
from core.permissions import is_unlimited_staff


def can_manage_webhooks(user: Actor) -> bool:
    """Return whether the user may see and change endpoints, and send to them."""
    return is_unlimited_staff(user)
