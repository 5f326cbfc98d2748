"""Users and tokens over GraphQL."""

from typing import Any

import graphene
from graphene import relay
from graphene_django import DjangoObjectType

from accounts.entrance import refresh, register, sign_in, sign_out
from accounts.errors import UserNotFound
from accounts.models import User
from accounts.permissions import can_list_users
from accounts.querysets import SORT_KEYS
from accounts.tokens import TokenPair
from ecommerce.graph.connections import ConnectionField, CountedConnection, connection_of, order_argument
from ecommerce.graph.context import address_of, caller_of, id_given
from ecommerce.graph.scalars import DateTime
from ecommerce.keyset import sort_of
from ecommerce.permissions import require


class UserType(DjangoObjectType):
    class Meta:
        model = User
        name = "User"
        description = "A customer or a member of staff."
        fields = ("username", "email")
        interfaces = (relay.Node,)
        connection_class = CountedConnection

    pk = graphene.Int(required=True)
    created_at = DateTime(required=True)

    @classmethod
    def get_node(cls, info: Any, id: str) -> User:
        return visible_user(info, id_given(id))


def visible_user(info: Any, pk: int) -> User:
    """Return a user the caller may see. Raises Unauthenticated, UserNotFound."""
    caller = caller_of(info)
    require(caller, caller.is_authenticated)
    user = User.objects.visible_to(caller).filter(pk=pk).first()
    if user is None:
        raise UserNotFound(f"User {pk} not found")
    return user


class Query(graphene.ObjectType):
    me = graphene.Field(UserType, description="The caller.")
    user = graphene.Field(UserType, id=graphene.Int(), description="One user, for that user and staff.")
    all_users = ConnectionField(
        UserType, order_by=order_argument(SORT_KEYS, "id"), description="Every user, for staff."
    )

    def resolve_me(self, info: Any) -> User:
        caller = caller_of(info)
        require(caller, caller.is_authenticated)
        return caller

    def resolve_user(self, info: Any, id: int | None = None) -> User:
        return visible_user(info, id_given(id))

    def resolve_all_users(self, info: Any, order_by: str | None = None, **part: Any) -> CountedConnection:
        caller = caller_of(info)
        require(caller, can_list_users(caller))
        users = User.objects.visible_to(caller)
        return connection_of(UserType, users, sort_of(order_by, SORT_KEYS, "id", "order_by"), part)


class RegisterUser(graphene.Mutation):
    """Add a customer."""

    class Arguments:
        username = graphene.String(required=True)
        email = graphene.String(required=True)
        password = graphene.String(required=True)

    ok = graphene.Boolean()
    user = graphene.Field(UserType)

    def mutate(self, info: Any, **values: str) -> "RegisterUser":
        return RegisterUser(ok=True, user=register(values, address=address_of(info)))


class ObtainToken(graphene.Mutation):
    """Sign in."""

    class Arguments:
        username = graphene.String(required=True)
        password = graphene.String(required=True)

    access = graphene.String()
    refresh = graphene.String()

    def mutate(self, info: Any, **values: str) -> TokenPair:
        return sign_in(values, address=address_of(info))


class RefreshToken(graphene.Mutation):
    """Exchange a refresh token, once, for a new pair."""

    class Arguments:
        refresh = graphene.String(required=True)

    access = graphene.String()
    refresh = graphene.String()

    def mutate(self, info: Any, **values: str) -> TokenPair:
        return refresh(values)


class RevokeToken(graphene.Mutation):
    """Sign out: end the sign-in that a refresh token belongs to."""

    class Arguments:
        refresh = graphene.String(required=True)

    ok = graphene.Boolean()

    def mutate(self, info: Any, **values: str) -> "RevokeToken":
        sign_out(values)
        return RevokeToken(ok=True)


class Mutation(graphene.ObjectType):
    register_user = RegisterUser.Field()
    obtain_token = ObtainToken.Field()
    refresh_token = RefreshToken.Field()
    revoke_token = RevokeToken.Field()
