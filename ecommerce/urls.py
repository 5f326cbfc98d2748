"""Every route of the HTTP server, and every service of the gRPC server."""

from typing import Any

from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from rest_framework.routers import SimpleRouter

from accounts.views import ObtainToken, RefreshToken, RevokeToken, UserViewSet
from catalog.views import ProductViewSet
from ecommerce import health
from ecommerce.graph.view import GraphQLView
from ecommerce.rest import docs, fallbacks, versions
from ecommerce.rest.views import UnknownPath
from orders.views import OrderViewSet, UserOrdersViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("products", ProductViewSet, basename="product")
router.register("users", UserViewSet, basename="user")
router.register("orders", OrderViewSet, basename="order")

resources = [
    path("users/<int:pk>/orders", UserOrdersViewSet.as_view({"get": "list"}), name="user-orders"),
    path("auth/token", ObtainToken.as_view(), name="token-obtain"),
    path("auth/token/refresh", RefreshToken.as_view(), name="token-refresh"),
    path("auth/token/revoke", RevokeToken.as_view(), name="token-revoke"),
    *router.urls,
]

urlpatterns = [
    path("graphql", GraphQLView.as_view(), name="graphql"),
    path("", RedirectView.as_view(url="/api/docs")),
    path("admin/", admin.site.urls),
    path("health/live", health.live),
    path("health/ready", health.ready),
    re_path(rf"^api/(?P<version>{versions.URL})/", include(resources)),
    path("api/", include(resources)),  # the version that Accept names, or the first
    re_path(rf"^api/(?:(?P<version>{versions.URL})/)?schema$", docs.Schema.as_view(), name="schema"),
    path("api/docs", docs.SwaggerUI.as_view(url_name="schema"), name="docs"),
    path("api/problems/<slug:code>", docs.Problem.as_view(), name="problem"),
    re_path(rf"^api/(?P<version>{versions.URL})(?:/.*)?$", UnknownPath.as_view()),
    re_path(r"^api(?:/.*)?$", UnknownPath.as_view()),
]

handler400 = fallbacks.bad_request
handler403 = fallbacks.permission_denied
handler404 = fallbacks.page_not_found
handler500 = fallbacks.server_error


def grpc_services() -> tuple[type[Any], ...]:
    """Return every service of gRPC, which the HTTP origin serves too."""
    # Imported late: not all that reads the routes serves gRPC.
    from accounts.services import AccountService
    from catalog.services import ProductService
    from orders.services import OrderService

    return ProductService, OrderService, AccountService


def grpc_handlers(server: Any) -> None:
    """Add every service to a gRPC server."""
    from ecommerce.rpc.service import register

    register(server, *grpc_services())
