"""Users and tokens over gRPC."""

from typing import Any

from accounts.entrance import refresh, register, sign_in, sign_out
from accounts.errors import UserNotFound
from accounts.models import User
from accounts.permissions import can_list_users
from accounts.serializers import UserSerializer
from ecommerce.permissions import is_signed_in
from ecommerce.rpc.messages import MessageSerializer, data_of
from ecommerce.rpc.pages import page_of
from ecommerce.rpc.service import Service
from protos import account_pb2 as pb


class UserMessage(MessageSerializer, UserSerializer):
    class Meta(UserSerializer.Meta):
        proto_class = pb.User


class AccountService(Service):
    descriptor = pb.DESCRIPTOR.services_by_name["AccountService"]
    queryset = User.objects.order_by("id")
    serializer_class = UserMessage
    not_found = UserNotFound
    rules = {"GetUser": is_signed_in, "GetMe": is_signed_in, "ListUsers": can_list_users}

    def RegisterUser(self, request: Any, context: Any) -> pb.RegisterUserResponse:
        user = register(data_of(request), address=self.address)
        return pb.RegisterUserResponse(user=UserMessage.of(user))

    def GetUser(self, request: Any, context: Any) -> pb.GetUserResponse:
        return pb.GetUserResponse(user=UserMessage.of(self.get_object()))

    def GetMe(self, request: Any, context: Any) -> pb.GetMeResponse:
        return pb.GetMeResponse(user=UserMessage.of(self.caller))

    def ListUsers(self, request: Any, context: Any) -> pb.ListUsersResponse:
        page = page_of(self.get_queryset(), request)
        return pb.ListUsersResponse(users=map(UserMessage.of, page.rows), **page.counts)

    def ObtainToken(self, request: Any, context: Any) -> pb.ObtainTokenResponse:
        return pb.ObtainTokenResponse(**sign_in(data_of(request), address=self.address)._asdict())

    def RefreshToken(self, request: Any, context: Any) -> pb.RefreshTokenResponse:
        return pb.RefreshTokenResponse(**refresh(data_of(request))._asdict())

    def RevokeToken(self, request: Any, context: Any) -> pb.RevokeTokenResponse:
        sign_out(data_of(request))
        return pb.RevokeTokenResponse()
