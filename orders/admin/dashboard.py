"""The page staff land on: what came in today, what waits, what runs out."""

from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from catalog.admin.products import LOW_STOCK
from catalog.models import Product
from ecommerce.admin.display import moment, money
from orders.admin.orders import STATUS_COLOURS
from orders.models import Order

ROWS = 8
LOST = (Order.Status.CANCELLED, Order.Status.REFUNDED)


def fill_dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the index page shows. Three queries."""
    orders = Order.objects.visible_to(request.user)
    statuses = _counts_by_status(orders)
    latest = orders.select_related("user").newest_first()[:ROWS]
    return context | {
        "title": "Dashboard",
        "statuses": statuses,
        "orders_today": sum(row["today"] for row in statuses),
        "sales_today": money(sum((row["sales"] for row in statuses if row["status"] not in LOST), start=0)),
        "latest_orders": [_order_row(order) for order in latest],
        "low_stock": Product.objects.filter(stock__lte=LOW_STOCK).order_by("stock", "id")[:ROWS],
        "low_stock_limit": LOW_STOCK,
    }


def _counts_by_status(orders: QuerySet) -> list[dict[str, Any]]:
    """Return one row for each status, in the order of its life, those with no orders too."""
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    is_new = Q(created_at__gte=midnight)
    counted = (
        orders.order_by()
        .values("status")
        .annotate(ever=Count("id"), today=Count("id", filter=is_new), sales=Sum("total", filter=is_new, default=0))
    )
    by_status = {row["status"]: row for row in counted}
    list_url = reverse("admin:orders_order_changelist")
    return [
        by_status.get(status, {"status": status, "ever": 0, "today": 0, "sales": 0})
        | {"label": label, "colour": STATUS_COLOURS[label], "url": f"{list_url}?status__exact={status}"}
        for status, label in Order.Status.choices
    ]


def _order_row(order: Order) -> dict[str, Any]:
    label = order.get_status_display()
    return {
        "number": order.number,
        "url": reverse("admin:orders_order_change", args=[order.pk]),
        "customer": order.user.username if order.user else "Guest",
        "placed": moment(order.created_at),
        "label": label,
        "colour": STATUS_COLOURS[label],
        "total": money(order.total),
    }
