"""Products in the admin."""

from catalog.admin.products import ProductAdmin

__all__ = ["ProductAdmin"]
