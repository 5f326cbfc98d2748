"""The list of products and the page of one."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from unfold.contrib.filters.admin import RadioFilter
from unfold.decorators import action, display

from catalog.actions import change_product, create_product, delete_product
from catalog.admin.forms import ProductForm, ProductRowForm, ProductRowsFormSet
from catalog.admin.repricing import MAX_AT_ONCE, reprice, start_repricing
from catalog.models import Product
from catalog.permissions import can_edit_products
from ecommerce.admin.display import MoneyInput, moment
from ecommerce.admin.filters import DayRangeFilter, MoneyRangeFilter
from ecommerce.admin.options import ShopAdmin

LOW_STOCK = 5


class StockFilter(RadioFilter):
    title = "stock"
    parameter_name = "stock_is"
    conditions = {"left": {"stock__gt": 0}, "low": {"stock__range": (1, LOW_STOCK)}, "none": {"stock": 0}}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("left", "In stock"), ("low", f"Low, 1 to {LOW_STOCK}"), ("none", "Sold out")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(**self.conditions.get(self.value(), {}))


@admin.register(Product)
class ProductAdmin(ShopAdmin):
    form = ProductForm
    list_display = ("name", "sku", "price", "stock", "version_read", "changed")
    list_editable = ("price", "stock")
    list_filter = (
        StockFilter,
        ("price", MoneyRangeFilter),
        ("created_at", DayRangeFilter),
        ("updated_at", DayRangeFilter),
    )
    search_fields = ("name", "sku")
    search_help_text = "Name or SKU"
    ordering = ("name", "id")
    actions = ("change_prices",)
    readonly_fields = ("created", "changed")

    @display(description="Created", ordering="created_at")
    def created(self, product: Product) -> str:
        return moment(product.created_at)

    @display(description="Changed", ordering="updated_at")
    def changed(self, product: Product) -> str:
        return moment(product.updated_at)

    @display(description="Version")
    def version_read(self, product: Product) -> int:
        return product.version

    # -- May they ----------------------------------------------------------------------------------------------
    def has_module_permission(self, request: HttpRequest) -> bool:
        return can_edit_products(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Product | None = None) -> bool:
        return can_edit_products(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return can_edit_products(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Product | None = None) -> bool:
        return can_edit_products(request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Product | None = None) -> bool:
        return can_edit_products(request.user)

    # -- Forms -------------------------------------------------------------------------------------------------
    def get_fieldsets(self, request: HttpRequest, obj: Product | None = None) -> list[tuple[Any, dict[str, Any]]]:
        fields = [("Product", {"fields": ("name", "sku", "description")}), ("Offer", {"fields": ("price", "stock")})]
        return [*fields, ("Record", {"fields": ("version_read", "created", "changed")})] if obj else fields

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "price":
            kwargs["widget"] = MoneyInput
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_form(request, **{"form": ProductRowForm, **kwargs})

    def get_changelist_formset(self, request: HttpRequest, **kwargs: Any) -> Any:
        return super().get_changelist_formset(request, **{"formset": ProductRowsFormSet, **kwargs})

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).visible_to(request.user)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[QuerySet, bool]:
        for word in search_term.split():
            queryset = queryset.search(word) | queryset.filter(sku__icontains=word)
        return queryset, False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        rows = getattr(response, "context_data", {}).get("cl")
        formset = rows and rows.formset
        if not (formset and formset.is_bound):
            return response
        if formset.has_lost_rows:
            messages.error(request, "Nothing was saved: a product of this list was deleted in the meantime.")
            return HttpResponseRedirect(request.get_full_path())
        # The list may have been sorted anew since: each form stays beside the product it is about.
        rows.result_list = [form.instance for form in formset.forms]
        return response

    # -- Writes ------------------------------------------------------------------------------------------------
    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        if not change:
            obj.pk = create_product(actor=request.user, values=form.cleaned_data).pk
            obj.refresh_from_db()
        elif form.changes:
            change_product(
                actor=request.user,
                product_id=obj.pk,
                changes=form.changes,
                expected_version=form.cleaned_data["version_read"],
            )

    def delete_model(self, request: HttpRequest, obj: Product) -> None:
        delete_product(actor=request.user, product_id=obj.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet) -> None:
        for product_id in sorted(queryset.values_list("pk", flat=True)):
            delete_product(actor=request.user, product_id=product_id)

    # -- Many at once ------------------------------------------------------------------------------------------
    def response_action(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        everything = request.POST.get("select_across", "0") not in ("", "0")
        if everything and queryset.count() > MAX_AT_ONCE:
            messages.error(request, f"At most {MAX_AT_ONCE} products at once: narrow the list by a search or a filter.")
            return None
        return super().response_action(request, queryset)

    @action(description="Change prices by percent", permissions=["change"])
    def change_prices(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse:
        return start_repricing(request, self, queryset)

    def get_urls(self) -> list[Any]:
        page = self.admin_site.admin_view(self.reprice_view)
        return [path("change-prices/", page, name="catalog_product_change_prices"), *super().get_urls()]

    def reprice_view(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseRedirect(reverse("admin:catalog_product_changelist"))
        return reprice(request, self)
