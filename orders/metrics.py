"""The gauges of orders, products and the feed."""

from catalog.models import Product
from core.metrics.exporter import database_gauges
from core.models import ChangeEvent
from orders.models import Order


@database_gauges
def order_gauges() -> dict[str, float]:
    return {
        "shop_orders": Order.objects.count(),
        "shop_orders_pending": Order.objects.filter(status=Order.Status.PENDING).count(),
        "shop_products": Product.objects.count(),
        "shop_products_out_of_stock": Product.objects.filter(stock=0).count(),
        "shop_feed_events_unnumbered": ChangeEvent.objects.filter(seq=None).count(),
    }
