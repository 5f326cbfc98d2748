"""Users and tokens over GraphQL."""

import graphene
from graphql import GraphQLResolveInfo

from accounts.filters import UserFilter
from accounts.models import User
from accounts.permissions import can_list_users
from accounts.querysets import BY_ID, SORT_KEYS
from accounts.serializers import CredentialsSerializer, RefreshSerializer, RegistrationSerializer, UserSerializer
from accounts.sign_in import refresh, register, sign_in, sign_out
from accounts.tokens import TokenPair
from core.protocols.graph.connections import ConnectionField, CountedConnection, order_argument
from core.protocols.graph.context import graphql_address
from core.protocols.graph.derived import NodeType, arguments_of, filter_arguments
from core.protocols.graph.resolvers import CallerRow, OneRow, PagedRows


class UserType(NodeType):
    class Meta:
        serializer_class = UserSerializer
        name = "User"
        description = "A customer or a member of staff."
        connection_class = CountedConnection


class Query(graphene.ObjectType):
    me = graphene.Field(UserType, description="The caller.")
    user = graphene.Field(UserType, id=graphene.Int(), description="One user. For that user and staff.")
    all_users = ConnectionField(
        UserType,
        **filter_arguments(UserFilter),
        order_by=order_argument(SORT_KEYS, BY_ID),
        description="All users. For staff.",
    )

    resolve_me = CallerRow()
    resolve_user = OneRow(User.objects.all())
    resolve_all_users = PagedRows(User.objects.all(), SORT_KEYS, BY_ID, filterset=UserFilter, guard=can_list_users)


class RegisterUser(graphene.Mutation):
    """Add a customer."""

    Arguments = arguments_of(RegistrationSerializer)

    ok = graphene.Boolean()
    user = graphene.Field(UserType)

    def mutate(self, info: GraphQLResolveInfo, **values: str) -> "RegisterUser":
        return RegisterUser(ok=True, user=register(values, address=graphql_address(info)))


class ObtainToken(graphene.Mutation):
    """Sign in."""

    Arguments = arguments_of(CredentialsSerializer)

    access = graphene.String()
    refresh = graphene.String()

    def mutate(self, info: GraphQLResolveInfo, **values: str) -> TokenPair:
        return sign_in(values, address=graphql_address(info))


class RefreshToken(graphene.Mutation):
    """Exchange a refresh token for a new pair. Each refresh token works once."""

    Arguments = arguments_of(RefreshSerializer)

    access = graphene.String()
    refresh = graphene.String()

    def mutate(self, info: GraphQLResolveInfo, **values: str) -> TokenPair:
        return refresh(values)


class RevokeToken(graphene.Mutation):
    """Sign out: end the sign-in of the refresh token."""

    Arguments = arguments_of(RefreshSerializer)

    ok = graphene.Boolean()

    def mutate(self, info: GraphQLResolveInfo, **values: str) -> "RevokeToken":
        sign_out(values)
        return RevokeToken(ok=True)


class Mutation(graphene.ObjectType):
    register_user = RegisterUser.Field()
    obtain_token = ObtainToken.Field()
    refresh_token = RefreshToken.Field()
    revoke_token = RevokeToken.Field()
