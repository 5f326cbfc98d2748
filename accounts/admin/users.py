"""The user list and the user page of the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.forms import UsernameField
from django.contrib.auth.models import Group
from django.http import HttpRequest
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts.actions import save_user
from accounts.admin.security import SecurityAdmin
from accounts.models import User
from accounts.permissions import can_change_users, can_list_users
from accounts.querysets import UserQuerySet
from core.admin.display import moment
from core.admin.filters import DayRangeFilter
from core.admin.options import Fieldsets, RefusableForm
from core.permissions import StaffRole

ROLES_HELP = (
    "Staff with a role may read everything, and write only what their roles allow. Staff without a role, and "
    "superusers, may write everything."
)
RIGHTS = ("is_active", "is_staff", "is_superuser")

admin.site.unregister(Group)  # groups are roles; the code defines their rights


class AddUserForm(RefusableForm, UserCreationForm):
    class Meta:
        model = User
        fields = ("username", "email")
        field_classes = {"username": UsernameField}  # normalizes to NFKC


class ChangeUserForm(RefusableForm, UserChangeForm):
    class Meta:
        model = User
        fields = ("username", "email", *RIGHTS, "groups")
        help_texts = {"is_active": "If off, the user can't sign in and all tokens are invalid."}
        field_classes = {"username": UsernameField}  # normalizes to NFKC


class SetPasswordForm(AdminPasswordChangeForm):
    def save(self, commit: bool = True) -> User:
        return save_user(super().save(commit=False))


@admin.register(User)
class UserAdmin(SecurityAdmin, auth_admin.UserAdmin):  # type: ignore[type-arg]  # not generic at runtime
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
    search_help_text = "Username or email"
    ordering = ("-id",)
    sortable_by = ("username", "email", "joined")  # columns with an index
    filter_horizontal = ()

    @display(description="Joined", ordering="id")
    def joined(self, user: User) -> str:
        return moment(user.created_at)

    @display(description="Roles")
    def roles(self, user: User) -> str:
        return ", ".join(group.name for group in user.groups.all()) or "-"

    @display(description="Last sign-in to the admin")
    def seen(self, user: User) -> str:
        return moment(user.last_login)

    # -- Permissions -------------------------------------------------------------------------------------------
    def has_module_permission(self, request: HttpRequest) -> bool:
        return can_list_users(request.user)

    def has_view_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return can_list_users(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return can_change_users(request.user)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Unlimited staff may change customers. Only superusers may change staff accounts and grant staff rights."""
        if request.user.is_superuser or obj is None:
            return can_change_users(request.user)
        return can_change_users(request.user) and not (obj.is_staff or obj.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Return False: orders keep their customer. Staff can switch off `active` instead."""
        return False

    # -- Forms -------------------------------------------------------------------------------------------------
    def get_fieldsets(  # type: ignore[override]  # a wider type than in the stubs
        self, request: HttpRequest, obj: User | None = None
    ) -> Fieldsets:
        if obj is None:
            rights = ("is_staff", "is_superuser") if request.user.is_superuser else ()
            return [(None, {"fields": ("username", "email", "password1", "password2", *rights)})]
        secret = ("password",) if self.has_change_permission(request, obj) else ()
        return [
            ("Account", {"fields": ("username", "email", *secret)}),
            ("Rights", {"fields": (*RIGHTS, "groups" if _may_grant(request, obj) else "roles")}),
            ("Record", {"fields": ("joined", "seen")}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        if obj == request.user:
            # Users can neither lock themselves out nor grant themselves rights.
            return (*RIGHTS, "roles", "joined", "seen")
        if not request.user.is_superuser:
            return (*RIGHTS[1:], "roles", "joined", "seen")
        return ("joined", "seen")

    def get_queryset(self, request: HttpRequest) -> UserQuerySet:
        users: UserQuerySet = super().get_queryset(request)  # type: ignore[assignment]  # the model's own queryset class
        return users.visible_to(request.user)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name != "groups":
            return super().formfield_for_manytomany(db_field, request, **kwargs)
        return forms.ModelMultipleChoiceField(
            Group.objects.filter(name__in=list(StaffRole)).order_by("pk"),
            label="Roles",
            required=False,
            widget=UnfoldAdminCheckboxSelectMultipleWidget,
            help_text=ROLES_HELP,
        )

    # -- Writes ------------------------------------------------------------------------------------------------
    def save_model(self, request: HttpRequest, obj: User, form: object, change: bool) -> None:
        save_user(obj)


def _may_grant(request: HttpRequest, user: User) -> bool:
    return request.user.is_superuser and request.user != user
