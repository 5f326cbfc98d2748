"""The list of users and the page of one."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.actions import save_user
from accounts.models import User
from accounts.permissions import can_list_users
from ecommerce.admin.display import moment
from ecommerce.admin.filters import DayRangeFilter
from ecommerce.admin.options import RefusableForm, ShopAdmin

RIGHTS = ("is_active", "is_staff", "is_superuser")

admin.site.unregister(Group)  # being staff is what counts here


class AddUserForm(RefusableForm, UserCreationForm):
    class Meta:
        model = User
        fields = ("username", "email")


class ChangeUserForm(RefusableForm, UserChangeForm):
    class Meta:
        model = User
        fields = ("username", "email", *RIGHTS)


class SetPasswordForm(AdminPasswordChangeForm):
    def save(self, commit: bool = True) -> User:
        return save_user(super().save(commit=False))


@admin.register(User)
class UserAdmin(ShopAdmin, auth_admin.UserAdmin):
    form = ChangeUserForm
    add_form = AddUserForm
    change_password_form = SetPasswordForm
    list_display = ("username", "email", "is_active", "is_staff", "is_superuser", "joined")
    list_filter = (
        ("is_active", BooleanRadioFilter),
        ("is_staff", BooleanRadioFilter),
        ("is_superuser", BooleanRadioFilter),
        ("created_at", DayRangeFilter),
    )
    search_fields = ("username", "email")
    search_help_text = "User name or e-mail"
    ordering = ("-id",)
    filter_horizontal = ()

    @display(description="Joined", ordering="id")
    def joined(self, user: User) -> str:
        return moment(user.created_at)

    @display(description="Last signed in here")
    def seen(self, user: User) -> str:
        return moment(user.last_login)

    # -- May they ----------------------------------------------------------------------------------------------
    def has_module_permission(self, request: HttpRequest) -> bool:
        return can_list_users(request.user)

    def has_view_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return can_list_users(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return can_list_users(request.user)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Staff look after customers; the accounts of staff are for superusers, who alone give rights."""
        if request.user.is_superuser or obj is None:
            return can_list_users(request.user)
        return can_list_users(request.user) and not (obj.is_staff or obj.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Nobody's: orders keep their customer. Switching off `active` does what is wanted."""
        return False

    # -- Forms -------------------------------------------------------------------------------------------------
    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> list[tuple[Any, dict[str, Any]]]:
        if obj is None:
            rights = ("is_staff", "is_superuser") if request.user.is_superuser else ()
            return [(None, {"fields": ("username", "email", "password1", "password2", *rights)})]
        secret = ("password",) if self.has_change_permission(request, obj) else ()
        return [
            ("Account", {"fields": ("username", "email", *secret)}),
            ("Rights", {"fields": RIGHTS}),
            ("Record", {"fields": ("joined", "seen")}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        if obj == request.user:
            return (*RIGHTS, "joined", "seen")  # nobody locks themselves out, or lets themselves in
        if not request.user.is_superuser:
            return ("is_staff", "is_superuser", "joined", "seen")
        return ("joined", "seen")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).visible_to(request.user)

    # -- Writes ------------------------------------------------------------------------------------------------
    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        save_user(obj)
