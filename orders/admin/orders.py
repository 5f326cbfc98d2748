"""The admin list of orders, and the page of one order: read-only, except for moves along the transition table."""

import re
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views.decorators.http import require_POST
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesCheckboxFilter
from unfold.decorators import display

from accounts.models import User
from core.admin.display import moment, money
from core.admin.filters import DayRangeFilter, MoneyRangeFilter
from core.admin.history import HistoryAdmin
from core.admin.options import Row
from core.permissions import is_staff
from core.validation.validators import is_storable
from orders.admin.exporting import OrderExport
from orders.admin.moving import move_actions, move_inputs, move_many, move_one
from orders.models import Order, OrderHistory, OrderItem
from orders.permissions import can_move_orders
from orders.transitions import VERBS, verbs_from

# The other columns are on the page in another form, or not at all.
SHOWN_AS_STORED = tuple(
    field.name
    for field in Order._meta.concrete_fields
    if field.name not in ("id", "number", "user", "status", "total", "version", "created_at")
)
STATUS_COLOURS = {
    "Pending": "warning",
    "Paid": "info",
    "Shipped": "primary",
    "Delivered": "success",
    "Cancelled": "danger",
    "Refunded": "danger",
}


class PlacedFilter(DayRangeFilter):
    """Has the title of the column of the list."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "placed"


class LineInline(TabularInline):
    """The lines as they were ordered."""

    model = OrderItem
    fields = readonly_fields = ("product_name", "item_sku", "price", "units", "line_sum")
    verbose_name_plural = "lines"
    hide_title = True
    can_delete = False
    extra = 0
    per_page = 100

    @display(description="Product")
    def product_name(self, item: OrderItem) -> str:
        if item.product_id is None:
            return f"{item.name} (no longer sold)"
        url = reverse("admin:catalog_product_change", args=[item.product_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, item.name)

    @display(description="SKU")
    def item_sku(self, item: OrderItem) -> str:
        return item.sku or "-"

    @display(description="Unit price")
    def price(self, item: OrderItem) -> str:
        return money(item.unit_price)

    @display(description="Quantity")
    def units(self, item: OrderItem) -> int:
        return item.quantity

    @display(description="Total")
    def line_sum(self, item: OrderItem) -> str:
        return money(item.line_total)

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return is_staff(request.user)

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission


@admin.register(Order)
class OrderAdmin(OrderExport, HistoryAdmin):
    list_display = ("number", "placed", "customer", "email", "state", "sum")
    list_select_related = ("user",)
    list_filter = (("status", ChoicesCheckboxFilter), ("created_at", PlacedFilter), ("total", MoneyRangeFilter))
    search_fields = ("~number", "user__username", "user__email")
    search_help_text = "Number, username or email"
    fields = readonly_fields = ("number", "state", "customer", "email", "placed", "sum", *SHOWN_AS_STORED)
    inlines = (LineInline,)
    actions = (*move_actions(), "export")
    change_form_outer_before_template = "admin/orders/order/moves.html"
    change_form_outer_after_template = "admin/orders/order/timeline.html"

    @display(description="Placed", ordering="created_at")
    def placed(self, order: Order) -> str:
        return moment(order.created_at)

    @display(description="Customer", empty_value="Guest")
    def customer(self, order: Order) -> str | None:
        if order.user is None:
            return None
        url = reverse("admin:accounts_user_change", args=[order.user_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, order.user.username)

    @display(description="Email")
    def email(self, order: Order) -> str:
        return order.user.email if order.user else "-"

    @display(description="Status", label=STATUS_COLOURS)
    def state(self, order: Order) -> str:
        return order.get_status_display()

    @display(description="Total", ordering="total")
    def sum(self, order: Order) -> str:
        return money(order.total)

    # -- Permissions -------------------------------------------------------------------------------------------
    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_staff(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        return is_staff(request.user)

    def has_move_permission(self, request: HttpRequest) -> bool:
        return can_move_orders(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        return False

    # -- Reads -------------------------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        return super().get_queryset(request).visible_to(request.user).select_related("user")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Row], search_term: str
    ) -> tuple[QuerySet[Row], bool]:
        # Look for the whole e-mail first: most rows contain its domain, so the trigram index does not help.
        if (
            "@" in search_term
            and is_storable(search_term)
            and (customer := User.objects.with_email(search_term.strip()).first())
        ):
            return queryset.filter(user=customer), False
        return super().get_search_results(request, queryset, without_number_signs(search_term))

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        order = kwargs["obj"]
        context["events"] = order.events.select_related("actor")
        context["may_move"] = self.has_move_permission(request)
        context["verbs"] = [_button(request, name) for name in verbs_from(order.status) if context["may_move"]]
        return super().render_change_form(request, context, **kwargs)

    def changes_of(self, request: HttpRequest, pk: int) -> QuerySet[OrderHistory]:
        return OrderHistory.objects.of(request.user, pk)

    # -- Moves -------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.move_view)
        many = self.admin_site.admin_view(self.move_many_view)
        return [
            path("<int:order_id>/move/", view, name="orders_order_move"),
            path("move-many/", many, name="orders_order_move_many"),
            *super().get_urls(),
        ]

    @method_decorator(require_POST)
    def move_view(self, request: HttpRequest, order_id: int) -> HttpResponse:
        if not self.has_move_permission(request):
            raise PermissionDenied
        return move_one(request, self, order_id)

    @method_decorator(require_POST)
    def move_many_view(self, request: HttpRequest) -> HttpResponse:
        return move_many(request, self)


def without_number_signs(text: str) -> str:
    """Return the text of a search without the # before its words: the database stores numbers without it."""
    return re.sub(r"(?<!\S)#", "", text)


def _button(request: HttpRequest, name: str) -> dict[str, Any]:
    verb = VERBS[name]
    return {
        "name": name,
        "icon": verb.icon,
        "attrs": {"data-confirm": verb.question},
        "is_ending": bool(verb.question),
        "details": move_inputs(request, verb),
    }
