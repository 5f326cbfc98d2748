"""Who may do what with webhooks."""

from typing import Any

from ecommerce.permissions import is_staff


def can_manage_webhooks(user: Any) -> bool:
    """See and change endpoints, and send to them."""
    return is_staff(user)
