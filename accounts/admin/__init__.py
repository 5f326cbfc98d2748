"""Users in the admin."""

from accounts.admin import sign_ins  # registers its receivers
from accounts.admin.users import UserAdmin

__all__ = ["UserAdmin", "sign_ins"]
