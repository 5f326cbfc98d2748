"""The product list and the product page of the admin."""

from typing import Any
from uuid import uuid4

from django.contrib import admin, messages
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import RadioFilter
from unfold.decorators import action, display

from catalog.actions import (
    WRITABLE,
    change_product,
    create_product,
    delete_product,
    remove_product_image,
    set_product_image,
)
from catalog.admin.categories import CategoryFilter
from catalog.admin.corrections import correct, revert
from catalog.admin.forms import LOST_ROW, ProductForm, ProductRowForm, ProductRowsFormSet
from catalog.admin.importing import PriceListImport
from catalog.admin.pictures import picture
from catalog.admin.repricing import MAX_AT_ONCE, reprice, start_repricing
from catalog.admin.repricing_by_filter import by_filter_url, reprice_by_filter, undo_by_filter
from catalog.admin.undoing import KEPT_PRICE_CHANGE, undo
from catalog.models import Product, ProductHistory
from catalog.permissions import can_edit_products
from core.admin.display import MoneyInput, moment
from core.admin.filters import DayRangeFilter, MoneyRangeFilter
from core.admin.history import HistoryAdmin
from core.admin.options import Fieldsets
from core.permissions import is_staff
from core.text.ascii import AsciiLower

# The sections of the page. Fields that are in no section go to the end of the first one.
DESCRIBING, OFFERED = ("name", "sku", "category_id", "description"), ("price", "stock", "reorder_level")
OTHERS = tuple(name for name in WRITABLE if name not in DESCRIBING + OFFERED)


class StockFilter(RadioFilter):
    title = "stock"
    parameter_name = "stock_is"
    conditions: dict[str | None, dict[str, object]] = {
        "left": {"stock__gt": 0},
        "low": {"stock__gt": 0, "stock__lte": F("reorder_level")},
        "none": {"stock": 0},
    }

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("left", "In stock"), ("low", "Low, at the reorder level"), ("none", "Sold out")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product]:
        return queryset.filter(**self.conditions.get(self.value(), {}))


@admin.register(Product)
class ProductAdmin(PriceListImport, HistoryAdmin):
    form = ProductForm
    list_display = ("name", "article", "price", "stock", "reorder_level", "version_read", "changed", "picture")
    list_editable = ("price", "stock")
    list_filter = (
        StockFilter,
        CategoryFilter,
        ("price", MoneyRangeFilter),
        ("created_at", DayRangeFilter),
        ("updated_at", DayRangeFilter),
    )
    search_fields = ("name", "sku")
    search_help_text = "Name or SKU"
    ordering = ("name", "id")
    sortable_by = ("name", "article", "price", "stock", "changed")  # columns with an index
    actions = ("change_prices",)
    readonly_fields = ("picture", "created", "changed")
    list_before_template = "admin/catalog/product/list_before.html"
    change_form_outer_before_template = "admin/catalog/product/stock.html"

    @display(description="Image")
    def picture(self, product: Product) -> SafeString | None:
        return picture(product)

    @display(description="SKU", ordering=AsciiLower("sku"), empty_value="-")
    def article(self, product: Product) -> str | None:
        return product.sku

    @display(description="Created", ordering="created_at")
    def created(self, product: Product) -> str:
        return moment(product.created_at)

    @display(description="Changed", ordering="updated_at")
    def changed(self, product: Product) -> str:
        return moment(product.updated_at)

    @display(description="Version")
    def version_read(self, product: Product) -> int:
        return product.version

    # -- Permissions -------------------------------------------------------------------------------------------
    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_staff(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Product | None = None) -> bool:
        return is_staff(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return can_edit_products(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Product | None = None) -> bool:
        return can_edit_products(request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Product | None = None) -> bool:
        return can_edit_products(request.user)

    # -- Forms -------------------------------------------------------------------------------------------------
    def get_fieldsets(self, request: HttpRequest, obj: Product | None = None) -> Fieldsets:
        image = "image_file" if self.has_change_permission(request, obj) else "picture"
        fields: Fieldsets = [
            ("Product", {"fields": (*DESCRIBING, *OTHERS, image)}),
            ("Offer", {"fields": OFFERED}),
        ]
        return [*fields, ("Record", {"fields": ("version_read", "created", "changed")})] if obj else fields

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        return super().render_change_form(request, {**context, "correction_key": uuid4()}, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "price":
            kwargs["widget"] = MoneyInput
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_changelist_form(self, request: HttpRequest, **kwargs: object) -> object:
        return super().get_changelist_form(request, **{"form": ProductRowForm, **kwargs})

    def get_changelist_formset(self, request: HttpRequest, **kwargs: object) -> object:
        return super().get_changelist_formset(request, **{"formset": ProductRowsFormSet, **kwargs})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        return super().get_queryset(request).visible_to(request.user)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        url = by_filter_url(request) if self.has_change_permission(request) else ""
        response = super().changelist_view(request, {**(extra_context or {}), "by_filter_url": url})
        rows: Any = getattr(response, "context_data", {}).get("cl")
        formset = rows and rows.formset
        if not (formset and formset.is_bound):
            return response
        if formset.has_lost_rows:
            messages.error(request, LOST_ROW)
            return HttpResponseRedirect(request.get_full_path())
        # The sort order may have changed since the list was shown. Keep each form beside its product.
        rows.result_list = [form.instance for form in formset.forms]
        return response

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Sort low stocks by stock, from an index: sorted by name, the whole table would be read."""
        is_scarce = request.GET.get(StockFilter.parameter_name) in ("low", "none")
        return ("stock", "id") if is_scarce else self.ordering

    # -- Writes ------------------------------------------------------------------------------------------------
    def save_model(self, request: HttpRequest, obj: Product, form: Any, change: bool) -> None:
        expected = form.cleaned_data.get("version_read")
        if not change:
            obj.pk = create_product(actor=request.user, values=form.cleaned_data).pk
        elif form.changes:
            change_product(actor=request.user, product_id=obj.pk, changes=form.changes, expected_version=expected)
            expected = None  # checked, and the row is locked
        if "image_file" in form.changed_data:
            self._save_image(obj.pk, form.cleaned_data["image_file"], actor=request.user, expected_version=expected)
        if not change:
            obj.refresh_from_db()

    @staticmethod
    def _save_image(product_id: int, file: Any, **target: Any) -> None:
        if file is False:
            remove_product_image(product_id=product_id, **target)
        else:
            set_product_image(product_id=product_id, content=file.read(), **target)

    def delete_model(self, request: HttpRequest, obj: Product) -> None:
        url = self.page_url(obj.pk, "history")
        delete_product(actor=request.user, product_id=obj.pk)
        messages.info(request, format_html('<a class="text-link underline" href="{}">Its history</a> is kept.', url))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        for product_id in sorted(queryset.values_list("pk", flat=True)):
            delete_product(actor=request.user, product_id=product_id)

    # -- Bulk actions ------------------------------------------------------------------------------------------
    def response_action(self, request: HttpRequest, queryset: QuerySet[Product]) -> HttpResponse | None:
        everything = request.POST.get("select_across", "0") not in ("", "0")
        if everything and queryset.count() > MAX_AT_ONCE:
            if request.POST.get("action") == "change_prices" and self.has_change_permission(request):
                return HttpResponseRedirect(by_filter_url(request))
            messages.error(request, f"At most {MAX_AT_ONCE} products at once: narrow the list by a search or a filter.")
            return None
        return super().response_action(request, queryset)

    @action(description="Change prices by percent", permissions=["change"])
    def change_prices(self, request: HttpRequest, queryset: QuerySet[Product]) -> HttpResponse:
        return start_repricing(request, self, queryset)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("change-prices/", wrap(self.reprice_view), name="catalog_product_change_prices"),
            path("change-prices/filter/", wrap(self.by_filter_view), name="catalog_product_change_prices_by_filter"),
            path("change-prices/undo/", wrap(self.undo_view), name="catalog_product_undo_prices"),
            path("<int:product_id>/stock/", wrap(self.stock_view), name="catalog_product_stock"),
            path("<int:product_id>/revert/", wrap(self.reverting_view), name="catalog_product_revert"),
            *super().get_urls(),
        ]

    def by_filter_view(self, request: HttpRequest) -> HttpResponse:
        return reprice_by_filter(request, self)

    def undo_view(self, request: HttpRequest) -> HttpResponse:
        if KEPT_PRICE_CHANGE in request.session and self.has_change_permission(request):
            return undo_by_filter(request, self)
        return undo(request, self)

    @method_decorator(require_POST)
    def stock_view(self, request: HttpRequest, product_id: int) -> HttpResponse:
        return correct(request, product_id)

    @method_decorator(require_POST)
    def reverting_view(self, request: HttpRequest, product_id: int) -> HttpResponse:
        return revert(request, product_id)

    def changes_of(self, request: HttpRequest, pk: int) -> QuerySet[ProductHistory]:
        return ProductHistory.objects.of(request.user, pk)

    def revert_url(self, pk: int) -> str:
        return reverse("admin:catalog_product_revert", args=[pk])

    def reprice_view(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseRedirect(reverse("admin:catalog_product_changelist"))
        return reprice(request, self)
