"""Users and tokens over REST."""

from functools import wraps

from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts import openapi
from accounts.filters import UserFilter
from accounts.models import User
from accounts.permissions import can_list_users
from accounts.serializers import UserSerializer
from accounts.sign_in import refresh, register, sign_in, sign_out
from accounts.tokens import TokenPair
from core.permissions import anyone, guarded_by
from core.protocols.clients import address_of
from core.protocols.rest.views import ShopView, ShopViewSet


@openapi.users
class UserViewSet(ShopViewSet):
    queryset = User.objects.order_by("id")
    serializer_class = UserSerializer
    filterset_class = UserFilter
    list_name = "users"

    @guarded_by(can_list_users)
    @wraps(ShopViewSet.list)  # the fast path serves only methods that are, or wrap, ShopViewSet.list
    def list(self, request: Request, pk: int = 0) -> Response:
        return super().list(request)

    @action(detail=False)
    def me(self, request: Request) -> Response:
        return self.shown(request.user)

    @guarded_by(anyone)
    def create(self, request: Request) -> Response:
        user = register(request.data, address=address_of(request))
        location = reverse("user-detail", kwargs={"pk": user.pk}, request=request)
        return self.shown(user, status=201, headers={"Location": location})


@openapi.obtain_token
class ObtainTokenView(ShopView):
    def post(self, request: Request) -> Response:
        return _pair(sign_in(request.data, address=address_of(request)))


@openapi.refresh_token
class RefreshTokenView(ShopView):
    def post(self, request: Request) -> Response:
        return _pair(refresh(request.data))


@openapi.revoke_token
class RevokeTokenView(ShopView):
    def post(self, request: Request) -> Response:
        sign_out(request.data)
        return Response(status=204)


def _pair(tokens: TokenPair) -> Response:
    return Response(tokens._asdict(), headers={"Cache-Control": "no-store"})  # RFC 6749, 5.1
