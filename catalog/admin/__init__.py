"""Products in the admin."""

from catalog.admin.categories import CategoryAdmin
from catalog.admin.products import ProductAdmin

__all__ = ["CategoryAdmin", "ProductAdmin"]
