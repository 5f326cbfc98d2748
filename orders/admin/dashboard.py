"""The index page of the admin: orders and sales of today, recent orders by status, products with low stock."""

from datetime import timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse

from catalog.models import Product
from core.admin.display import moment, money
from core.moments import shop_now
from orders.admin.orders import STATUS_COLOURS
from orders.models import NO_SALE, Order

ROWS, DAYS = 8, 30


def fill_dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the data of the index page to its context. Three queries."""
    orders = Order.objects.visible_to(request.user)
    statuses = _counts_by_status(orders)
    latest = orders.select_related("user").newest_first()[:ROWS]
    return context | {
        "title": "Dashboard",
        "statuses": statuses,
        "days": DAYS,
        "orders_today": sum(row["today"] for row in statuses),
        "sales_today": money(sum((row["sales"] for row in statuses if row["status"] not in NO_SALE), start=0)),
        "latest_orders": [_order_row(order) for order in latest],
        "low_stock": Product.objects.low().order_by("stock", "id")[:ROWS],
    }


def _counts_by_status(orders: QuerySet[Order]) -> list[dict[str, Any]]:
    """Return one row for each status, also for a status without recent orders, in the order of `Order.Status`."""
    midnight = shop_now().replace(hour=0, minute=0, second=0, microsecond=0)
    is_new = Q(created_at__gte=midnight)
    counted = (
        orders.filter(created_at__gte=midnight - timedelta(days=DAYS))  # the cost must not grow with the shop's age
        .order_by()
        .values("status")
        .annotate(recent=Count("id"), today=Count("id", filter=is_new), sales=Sum("total", filter=is_new, default=0))
    )
    by_status = {row["status"]: row for row in counted}
    list_url = reverse("admin:orders_order_changelist")
    return [
        by_status.get(status, {"status": status, "recent": 0, "today": 0, "sales": 0})
        | {"label": label, "colour": STATUS_COLOURS.get(label), "url": f"{list_url}?status__exact={status}"}
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
        "colour": STATUS_COLOURS.get(label),
        "total": money(order.total),
    }
