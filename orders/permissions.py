"""Who may do what with orders. Who may see which is in the querysets."""

from typing import Any

from ecommerce.permissions import is_staff
from orders.models import Order


def can_place_orders(user: Any) -> bool:
    return bool(user.is_authenticated)


def can_cancel_order(user: Any, order: Order) -> bool:
    return is_staff(user) or (user.is_authenticated and order.user_id == user.pk)


def can_move_orders(user: Any) -> bool:
    """Pay, ship, deliver, refund."""
    return is_staff(user)
