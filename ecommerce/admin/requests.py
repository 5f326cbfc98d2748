"""The list of logged requests: find one by its X-Request-ID, or those of a caller, and see what it changed."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.contrib.filters.admin import RadioFilter
from unfold.decorators import display

from accounts.models import User
from catalog.models import ProductHistory
from core.admin.display import moment
from core.admin.filters import DayRangeFilter
from core.admin.options import Row, ShopAdmin
from core.admin.paging import ShopList
from core.history.changes import made_in
from core.metrics.operations import PROTOCOLS, RPC
from core.models import LoggedRequest
from core.permissions import is_unlimited_staff
from core.validation.validators import is_storable
from orders.models import OrderHistory

MAX_CHANGES = 50


class ProtocolFilter(RadioFilter):
    title = "protocol"
    parameter_name = "protocol"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        names = dict.fromkeys((*PROTOCOLS.values(), *RPC.values(), "websocket"))
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[LoggedRequest]) -> QuerySet[LoggedRequest]:
        return queryset.filter(protocol=self.value()) if self.value() else queryset


def named_callers(rows: Iterable[LoggedRequest]) -> list[LoggedRequest]:
    """Return the rows with the attribute `username`; None if the user was deleted. One query."""
    found = list(rows)
    users = User.objects.in_bulk({row.user_id for row in found if row.user_id is not None})
    for row in found:
        user = users.get(row.user_id)
        row.username = user and user.username  # type: ignore[attr-defined]
    return found


class RequestList(ShopList):
    # Not an annotation: a list of the whole table has an exact count and a last page, a list of a query has not.
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list: Any = named_callers(self.result_list)


@admin.register(LoggedRequest)
class LoggedRequestAdmin(ShopAdmin):
    list_display = ("request_id", "began", "protocol", "operation", "status", "took", "caller", "address")
    list_filter = (ProtocolFilter, ("at", DayRangeFilter))
    search_fields = ("=request_id", "=user_id")
    search_help_text = "X-Request-ID, or the name or id of a user"
    ordering = ("-id",)
    sortable_by = ("began",)
    fields = (
        "request_id",
        "began",
        "protocol",
        "operation",
        "method",
        "path",
        "status",
        "took",
        "caller",
        "address",
        "changes",
    )
    readonly_fields = fields

    def note_if_empty(self) -> str:
        return "" if settings.REQUEST_LOG_DAYS else "Requests are kept only if REQUEST_LOG_DAYS is set to 1 or more."

    @display(description="Began", ordering="at")
    def began(self, logged: LoggedRequest) -> str:
        return moment(logged.at, seconds=True)

    @display(description="Duration")
    def took(self, logged: LoggedRequest) -> str:
        return f"{logged.duration_ms:.1f} ms"

    @display(description="Caller")
    def caller(self, logged: LoggedRequest) -> str:
        if logged.user_id is None:
            return "Anonymous"
        url = reverse("admin:accounts_user_change", args=[logged.user_id])
        name: str | None = logged.username  # type: ignore[attr-defined]  # of `named_callers`
        return format_html('<a class="text-link" href="{}">{}</a>', url, name or f"User {logged.user_id}")

    @display(description="What it changed")
    def changes(self, logged: LoggedRequest) -> str:
        """Name each product and order that it changed, from their histories. Two queries."""
        products = made_in(logged.request_id, ProductHistory.objects.all())
        orders = made_in(logged.request_id, OrderHistory.objects.all())
        rows = [
            *(("product", "catalog_product", *row) for row in products.values_list("product_id", "kind")[:MAX_CHANGES]),
            *(("order", "orders_order", *row) for row in orders.values_list("order_id", "kind")[:MAX_CHANGES]),
        ]
        links = [(reverse(f"admin:{page}_history", args=[pk]), f"{name} {pk} {kind}") for name, page, pk, kind in rows]
        return format_html_join(", ", '<a class="text-link" href="{}">{}</a>', links) or "Nothing"

    def get_changelist(self, request: HttpRequest, **kwargs: object) -> type[RequestList]:
        return RequestList

    def get_object(self, request: HttpRequest, *args: Any) -> LoggedRequest | None:
        row: LoggedRequest | None = super().get_object(request, *args)
        return row and named_callers([row])[0]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Row], search_term: str
    ) -> tuple[QuerySet[Row], bool]:
        name = search_term.strip()
        if is_storable(name) and (caller := User.objects.named(name).first()):
            return queryset.filter(user_id=caller.pk), False
        return super().get_search_results(request, queryset, search_term)

    def render_change_form(self, request: HttpRequest, context: dict[str, object], **kwargs: object) -> HttpResponse:
        context["show_history"] = False  # the row never changes
        return super().render_change_form(request, context, **kwargs)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_unlimited_staff(request.user)

    def has_view_permission(self, request: HttpRequest, obj: LoggedRequest | None = None) -> bool:
        return is_unlimited_staff(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: LoggedRequest | None = None) -> bool:
        return False

    has_delete_permission = has_change_permission
