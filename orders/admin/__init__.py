"""Orders for staff, and the page they land on."""

from orders.admin.orders import OrderAdmin

__all__ = ["OrderAdmin"]
