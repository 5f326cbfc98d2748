"""The list of orders and the page of one: to read, and to move along the transition table."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views.decorators.http import require_POST
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesCheckboxFilter
from unfold.decorators import display

from ecommerce.admin.display import moment, money
from ecommerce.admin.filters import DayRangeFilter, MoneyRangeFilter
from ecommerce.admin.options import ShopAdmin, as_refusal
from ecommerce.errors import DomainError, NotFound
from orders.actions import move_order
from orders.models import Order, OrderItem
from orders.permissions import can_move_orders
from orders.transitions import MOVES, verbs_from

STATUS_COLOURS = {
    "Pending": "warning",
    "Paid": "info",
    "Shipped": "primary",
    "Delivered": "success",
    "Cancelled": "danger",
    "Refunded": "danger",
}
VERB_ICONS = {
    "pay": "payments",
    "ship": "local_shipping",
    "deliver": "task_alt",
    "cancel": "cancel",
    "refund": "currency_exchange",
}
ENDING_VERBS = {
    "cancel": {"onclick": "return confirm('Cancel this order? Its stock goes back.')"},
    "refund": {"onclick": "return confirm('Refund this order? Its stock stays as it is.')"},
}


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

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return can_move_orders(request.user)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission


@admin.register(Order)
class OrderAdmin(ShopAdmin):
    list_display = ("number", "placed", "customer", "state", "sum")
    list_select_related = ("user",)
    list_filter = (("status", ChoicesCheckboxFilter), ("created_at", DayRangeFilter), ("total", MoneyRangeFilter))
    search_fields = ("number", "user__username", "user__email")
    search_help_text = "Number, user name or e-mail"
    fields = readonly_fields = ("number", "state", "customer", "placed", "sum")
    inlines = (LineInline,)
    change_form_outer_before_template = "admin/orders/order/moves.html"
    change_form_outer_after_template = "admin/orders/order/timeline.html"

    @display(description="Placed", ordering="created_at")
    def placed(self, order: Order) -> str:
        return moment(order.created_at)

    @display(description="Customer", ordering="user__username", empty_value="Guest")
    def customer(self, order: Order) -> str | None:
        if order.user is None:
            return None
        url = reverse("admin:accounts_user_change", args=[order.user_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, order.user.username)

    @display(description="Status", ordering="status", label=STATUS_COLOURS)
    def state(self, order: Order) -> str:
        return order.get_status_display()

    @display(description="Total", ordering="total")
    def sum(self, order: Order) -> str:
        return money(order.total)

    # -- May they ----------------------------------------------------------------------------------------------
    def has_module_permission(self, request: HttpRequest) -> bool:
        return can_move_orders(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        return can_move_orders(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        return False

    # -- Reads -------------------------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).visible_to(request.user).select_related("user")

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        order = kwargs["obj"]
        context["events"] = order.events.select_related("actor")
        context["verbs"] = [
            {"name": verb, "icon": VERB_ICONS[verb], "attrs": ENDING_VERBS.get(verb), "is_ending": verb in ENDING_VERBS}
            for verb in verbs_from(order.status)
        ]
        context["show_history"] = False  # the timeline is the history
        return super().render_change_form(request, context, **kwargs)

    # -- Moves -------------------------------------------------------------------------------------------------
    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.move_view)
        return [path("<int:order_id>/move/", view, name="orders_order_move"), *super().get_urls()]

    @method_decorator(require_POST)
    def move_view(self, request: HttpRequest, order_id: int) -> HttpResponse:
        """Take the step that a button named."""
        if not can_move_orders(request.user):
            raise PermissionDenied
        verb = request.POST.get("verb", "")
        page = reverse("admin:orders_order_change", args=[order_id])
        if verb not in MOVES:
            messages.error(request, "There is no such step. The order is as it was.")
            return HttpResponseRedirect(page)
        try:
            order = move_order(actor=request.user, order_id=order_id, verb=verb)
        except NotFound as refusal:
            messages.error(request, refusal.message)
            return HttpResponseRedirect(self.list_url())
        except (DomainError, OperationalError) as error:
            messages.error(request, as_refusal(error).message)
            return HttpResponseRedirect(page)
        messages.success(request, f"Order {order.number} is {order.get_status_display().lower()} now.")
        return HttpResponseRedirect(page)
