"""The parts of the admin that belong to no app."""

from ecommerce.admin.requests import LoggedRequestAdmin

__all__ = ["LoggedRequestAdmin"]
