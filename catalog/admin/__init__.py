"""Products for staff."""

from catalog.admin.products import ProductAdmin

__all__ = ["ProductAdmin"]
