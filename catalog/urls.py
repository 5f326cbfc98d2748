"""The routes of products, below each version of the REST API."""

from django.urls import path

from catalog.views import (
    CategoryViewSet,
    PriceChangeViewSet,
    ProductHistoryViewSet,
    ProductImageViewSet,
    ProductViewSet,
)
from core.protocols.rest.routes import ShopRouter

router = ShopRouter()
router.register("price-changes", PriceChangeViewSet, basename="price-change")
router.register("products", ProductViewSet, basename="product")
router.register("categories", CategoryViewSet, basename="category")

urlpatterns = [
    path("products/<id:pk>/history", ProductHistoryViewSet.as_view({"get": "list"}), name="product-history"),
    path(
        "products/<id:pk>/image",
        ProductImageViewSet.as_view({"put": "update", "delete": "destroy"}),
        name="product-image",
    ),
    *router.urls,
]
