"""The GraphQL schema of all apps."""

from typing import Any

import graphene
from graphene import relay
from graphql import GraphQLResolveInfo

from core.errors import NotFound
from core.protocols.graph.context import global_id_of, is_id
from ecommerce.app_modules import app_modules


class NodeQuery(graphene.ObjectType):
    node = graphene.Field(relay.Node, id=graphene.ID(required=True), description="Any object, by its global id.")

    def resolve_node(self, info: GraphQLResolveInfo, id: str) -> object:
        name, pk = global_id_of(id)
        kind = getattr(info.schema.get_type(name), "graphene_type", None)
        if kind is None or relay.Node not in getattr(kind._meta, "interfaces", ()) or not is_id(pk):
            raise NotFound("Node not found")
        return kind.get_node(info, pk)


def _merged(name: str, *more: type) -> Any:
    """Return an object type with the fields of the types of this name in the apps' schemas."""
    bases = [vars(module)[name] for module in app_modules("schema") if name in vars(module)]
    return type(name, (*more, *bases, graphene.ObjectType), {})


schema = graphene.Schema(
    query=_merged("Query", NodeQuery), mutation=_merged("Mutation"), subscription=_merged("Subscription")
)
