"""The sales page of the admin."""

from reports.admin.sales import SalesDayAdmin

__all__ = ["SalesDayAdmin"]
