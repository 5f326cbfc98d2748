"""Users and tokens over REST."""

from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts import openapi
from accounts.entrance import refresh, register, sign_in, sign_out
from accounts.models import User
from accounts.permissions import can_list_users
from accounts.serializers import UserSerializer
from accounts.tokens import TokenPair
from ecommerce.permissions import is_signed_in
from ecommerce.rest.views import ShopView, ShopViewSet, address_of


@openapi.users
class UserViewSet(ShopViewSet):
    queryset = User.objects.order_by("id")
    serializer_class = UserSerializer
    list_name = "users"
    rules = {"list": can_list_users, "retrieve": is_signed_in, "me": is_signed_in}

    def list(self, request: Request) -> Response:
        return self.page_of(self.get_queryset())

    def retrieve(self, request: Request, pk: int) -> Response:
        return Response(self.get_serializer(self.get_object()).data)

    @action(detail=False)
    def me(self, request: Request) -> Response:
        return Response(self.get_serializer(request.user).data)

    def create(self, request: Request) -> Response:
        user = register(request.data, address=address_of(request))
        location = reverse("user-detail", kwargs={"pk": user.pk}, request=request)
        return Response(self.get_serializer(user).data, status=201, headers={"Location": location})


@openapi.obtain_token
class ObtainToken(ShopView):
    def post(self, request: Request) -> Response:
        return _pair(sign_in(request.data, address=address_of(request)))


@openapi.refresh_token
class RefreshToken(ShopView):
    def post(self, request: Request) -> Response:
        return _pair(refresh(request.data))


@openapi.revoke_token
class RevokeToken(ShopView):
    def post(self, request: Request) -> Response:
        sign_out(request.data)
        return Response(status=204)


def _pair(tokens: TokenPair) -> Response:
    return Response(tokens._asdict(), headers={"Cache-Control": "no-store"})  # RFC 6749, 5.1
