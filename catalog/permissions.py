"""Who may do what with products. Reading them is open."""

from typing import Any

from ecommerce.permissions import is_staff


def can_edit_products(user: Any) -> bool:
    return is_staff(user)
