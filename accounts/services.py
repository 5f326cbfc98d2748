"""Users and tokens over gRPC."""

from accounts.filters import UserFilter
from accounts.models import User
from accounts.permissions import can_list_users
from accounts.querysets import BY_ID
from accounts.serializers import UserSerializer
from accounts.sign_in import refresh, register, sign_in, sign_out
from core.errors import BadParameters
from core.permissions import anyone, guarded_by, signed_in
from core.protocols.rpc.caller import CallContext
from core.protocols.rpc.messages import MessageSerializer, data_of
from core.protocols.rpc.pages import list_response, page_request_of
from core.protocols.rpc.service import Service
from protos import account_pb2 as pb


class UserMessage(MessageSerializer, UserSerializer):
    class Meta(UserSerializer.Meta):
        proto_class = pb.User


class AccountService(Service):
    descriptor = pb.DESCRIPTOR.services_by_name["AccountService"]
    queryset = User.objects.order_by("id")
    serializer_class = UserMessage

    @guarded_by(anyone)
    def RegisterUser(self, request: pb.RegisterUserRequest, context: CallContext) -> pb.RegisterUserResponse:
        user = register(data_of(request), address=self.address)
        return pb.RegisterUserResponse(user=UserMessage.of(user))

    def GetUser(self, request: pb.GetUserRequest, context: CallContext) -> pb.GetUserResponse:
        return pb.GetUserResponse(user=self.found())

    def GetMe(self, request: pb.GetMeRequest, context: CallContext) -> pb.GetMeResponse:
        return pb.GetMeResponse(user=UserMessage.of(signed_in(self.caller)))

    @guarded_by(can_list_users)
    def ListUsers(self, request: pb.ListUsersRequest, context: CallContext) -> pb.ListUsersResponse:
        bad = BadParameters()
        with bad:
            listed = self.listed(UserFilter)
        with bad:
            page = page_request_of(request)
        bad.check()
        return list_response(pb.ListUsersResponse, listed, BY_ID, page)

    @guarded_by(anyone)
    def ObtainToken(self, request: pb.ObtainTokenRequest, context: CallContext) -> pb.ObtainTokenResponse:
        return pb.ObtainTokenResponse(**sign_in(data_of(request), address=self.address)._asdict())

    @guarded_by(anyone)
    def RefreshToken(self, request: pb.RefreshTokenRequest, context: CallContext) -> pb.RefreshTokenResponse:
        return pb.RefreshTokenResponse(**refresh(data_of(request))._asdict())

    @guarded_by(anyone)
    def RevokeToken(self, request: pb.RevokeTokenRequest, context: CallContext) -> pb.RevokeTokenResponse:
        sign_out(data_of(request))
        return pb.RevokeTokenResponse()
