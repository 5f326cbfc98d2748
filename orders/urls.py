"""The routes of orders, below each version of the REST API."""

from django.urls import path

from core.protocols.rest.routes import ShopRouter
from orders.views import OrderHistoryViewSet, OrderViewSet, UserOrdersViewSet

router = ShopRouter()
router.register("orders", OrderViewSet, basename="order")

urlpatterns = [
    path("orders/<id:pk>/history", OrderHistoryViewSet.as_view({"get": "list"}), name="order-history"),
    path("users/<id:pk>/orders", UserOrdersViewSet.as_view({"get": "list"}), name="user-orders"),
    *router.urls,
]
