"""The routes of users and tokens, below each version of the REST API."""

from django.urls import path

from accounts.views import ObtainTokenView, RefreshTokenView, RevokeTokenView, UserViewSet
from core.protocols.rest.routes import ShopRouter

router = ShopRouter()
router.register("users", UserViewSet, basename="user")

urlpatterns = [
    path("auth/token", ObtainTokenView.as_view(), name="token-obtain"),
    path("auth/token/refresh", RefreshTokenView.as_view(), name="token-refresh"),
    path("auth/token/revoke", RevokeTokenView.as_view(), name="token-revoke"),
    *router.urls,
]
