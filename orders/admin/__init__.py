"""The admin of orders, and the index page of the admin."""

from orders.admin.orders import OrderAdmin

__all__ = ["OrderAdmin"]
