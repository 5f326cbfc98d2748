"""The tree of categories in the admin: its pages, and the choice of a category elsewhere."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import DropdownFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from catalog.categories import WRITABLE_OF_CATEGORY, change_category, create_category, delete_category
from catalog.models import Category, Product
from catalog.permissions import can_edit_products
from core.admin.options import Fieldsets, RefusableForm, ShopAdmin
from core.permissions import is_staff

INDENT = "\u2007\u2007"  # browsers collapse ordinary spaces


def category_choices(*, none: str | None = "None") -> Iterator[tuple[int | str, str]]:
    """Yield the id and the indented name of each category in tree order, after the empty choice."""
    if none is not None:
        yield "", none
    for depth, category in Category.objects.in_tree():
        yield category.pk, INDENT * depth + category.name


class CategoryField(forms.TypedChoiceField):
    """The id of a category, or None."""

    def __init__(self, *, label: str, none: str, help_text: str = "") -> None:
        super().__init__(
            label=label,
            help_text=help_text,
            required=False,
            coerce=int,
            empty_value=None,
            choices=lambda: category_choices(none=none),
            widget=UnfoldAdminSelectWidget,
        )


class CategoryFilter(DropdownFilter):
    """The products of a category, and of all categories below it."""

    title = "category"
    parameter_name = "category"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[int | str, str]]:
        return list(category_choices(none=None))

    def queryset(self, request: HttpRequest, queryset: Any) -> "QuerySet[Product]":
        found: QuerySet[Product] = queryset.in_category(self.value()) if self.value() else queryset
        return found


class CategoryForm(RefusableForm):
    parent_id = CategoryField(label="Parent", none="None: at the top")

    class Meta:
        model = Category
        fields = WRITABLE_OF_CATEGORY

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("parent_id", self.instance.parent_id)


@admin.register(Category)
class CategoryAdmin(ShopAdmin):
    form = CategoryForm
    list_display = ("name", "slug", "above", "goods")
    list_select_related = ("parent",)
    list_filter = (("parent", RelatedDropdownFilter),)
    search_fields = ("name", "slug")
    search_help_text = "Name or slug"
    ordering = ("name", "id")
    prepopulated_fields = {"slug": ("name",)}

    @display(description="Parent", ordering="parent__name")
    def above(self, category: Category) -> str:
        return category.parent.name if category.parent else "-"

    @display(description="Products")
    def goods(self, category: Category) -> str:
        url = reverse("admin:catalog_product_changelist")
        text = '<a class="text-link" href="{}?category={}" aria-label="Products of {}">Products</a>'
        return format_html(text, url, category.pk, category.name)

    def get_fieldsets(self, request: HttpRequest, obj: Category | None = None) -> Fieldsets:
        return [("Category", {"fields": WRITABLE_OF_CATEGORY})]

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return {} if obj else self.prepopulated_fields  # a changed name must not change the slug, which is in URLs

    # -- Permissions -------------------------------------------------------------------------------------------
    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_staff(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Category | None = None) -> bool:
        return is_staff(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return can_edit_products(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Category | None = None) -> bool:
        return can_edit_products(request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Category | None = None) -> bool:
        return can_edit_products(request.user)

    # -- Writes ------------------------------------------------------------------------------------------------
    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, set[str], list[str]]:
        """Name only the categories: Django would load all their products. The action refuses one that is in use."""
        return [str(each) for each in objs], {"categories": len(objs)}, set(), []

    def save_model(self, request: HttpRequest, obj: Category, form: Any, change: bool) -> None:
        if change:
            changes = {name: form.cleaned_data[name] for name in form.changed_data}
            change_category(actor=request.user, category_id=obj.pk, changes=changes)
        else:
            obj.pk = create_category(actor=request.user, values=form.cleaned_data).pk

    def delete_model(self, request: HttpRequest, obj: Category) -> None:
        delete_category(actor=request.user, category_id=obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Category]) -> None:
        for category_id in sorted(queryset.values_list("pk", flat=True)):
            delete_category(actor=request.user, category_id=category_id)
