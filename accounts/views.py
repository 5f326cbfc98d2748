"""Users and tokens over REST."""

from collections.abc import Mapping
from typing import Any

from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.serializers import Serializer

from accounts import openapi
from accounts.actions import register_user
from accounts.models import User
from accounts.permissions import can_list_users
from accounts.serializers import CredentialsSerializer, RefreshSerializer, RegistrationSerializer, UserSerializer
from accounts.tokens import TokenPair, obtain_tokens, revoke_tokens, rotate_tokens
from ecommerce.limits import spend_sign_in
from ecommerce.rest.conditional import body_tag, validators
from ecommerce.rest.views import ShopView, ShopViewSet, address_of, is_signed_in


@openapi.users
class UserViewSet(ShopViewSet):
    queryset = User.objects.order_by("id")
    serializer_class = UserSerializer
    list_name = "users"
    rules = {"list": can_list_users, "retrieve": is_signed_in, "me": is_signed_in}

    def list(self, request: Request) -> Response:
        return self.page_of(self.get_queryset())

    def retrieve(self, request: Request, pk: int) -> Response:
        return self._shown(self.get_object())

    @action(detail=False)
    def me(self, request: Request) -> Response:
        return self._shown(request.user)

    def create(self, request: Request) -> Response:
        values = _read(RegistrationSerializer, request)
        spend_sign_in(name=values["username"], address=address_of(request))
        user = register_user(**values)
        location = reverse("user-detail", kwargs={"pk": user.pk}, request=request)
        return Response(self.get_serializer(user).data, status=201, headers={"Location": location})

    def _shown(self, user: Any) -> Response:
        body = self.get_serializer(user).data
        return Response(body, headers=validators(body_tag(body)))


@openapi.obtain_token
class ObtainToken(ShopView):
    def post(self, request: Request) -> Response:
        values = _read(CredentialsSerializer, request)
        spend_sign_in(name=values["username"], address=address_of(request))
        return _pair(obtain_tokens(**values))


@openapi.refresh_token
class RefreshToken(ShopView):
    def post(self, request: Request) -> Response:
        return _pair(rotate_tokens(**_read(RefreshSerializer, request)))


@openapi.revoke_token
class RevokeToken(ShopView):
    def post(self, request: Request) -> Response:
        revoke_tokens(**_read(RefreshSerializer, request))
        return Response(status=204)


def _read(serializer_class: type[Serializer], request: Request) -> Mapping[str, Any]:
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


def _pair(tokens: TokenPair) -> Response:
    return Response(tokens._asdict(), headers={"Cache-Control": "no-store"})  # RFC 6749, 5.1
