"""Who may do what with users."""

from typing import Any

from ecommerce.permissions import is_staff


def can_list_users(user: Any) -> bool:
    return is_staff(user)
