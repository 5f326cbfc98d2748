"""Permissions for writing orders. The querysets decide which orders a user may see."""

from core.actors import Actor
from core.permissions import StaffRole, has_role
from orders.models import Order


def can_place_orders(user: Actor) -> bool:
    return bool(user.is_authenticated)


def can_cancel_order(user: Actor, order: Order) -> bool:
    return has_role(user, StaffRole.ORDERS) or (user.is_authenticated and order.user_id == user.pk)


def can_move_orders(user: Actor, order: Order | None = None) -> bool:
    """Return whether the user may pay, ship, deliver and refund orders. The answer is the same for all orders."""
    return has_role(user, StaffRole.ORDERS)


def can_export_orders(user: Actor) -> bool:
    """Return whether the user may download orders with the customers' names and addresses."""
    return has_role(user, StaffRole.ORDERS, StaffRole.READ_ONLY)
