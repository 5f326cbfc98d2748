"""The one GraphQL schema of all apps."""

from typing import Any

import graphene
from graphene import relay

import accounts.schema
import catalog.schema
import orders.schema
from ecommerce.errors import NotFound
from ecommerce.graph.context import global_id_of, is_id

NODES = {
    kind._meta.name: kind
    for kind in (
        accounts.schema.UserType,
        catalog.schema.ProductType,
        orders.schema.OrderType,
        orders.schema.OrderItemType,
    )
}


class Query(accounts.schema.Query, catalog.schema.Query, orders.schema.Query, graphene.ObjectType):
    node = graphene.Field(relay.Node, id=graphene.ID(required=True), description="Anything, by its global id.")

    def resolve_node(self, info: Any, id: str) -> Any:
        kind, pk = global_id_of(id)
        if kind not in NODES or not is_id(pk):
            raise NotFound("Node not found")
        return NODES[kind].get_node(info, pk)


class Mutation(accounts.schema.Mutation, catalog.schema.Mutation, orders.schema.Mutation, graphene.ObjectType):
    pass


class Subscription(catalog.schema.Subscription, orders.schema.Subscription, graphene.ObjectType):
    pass


schema = graphene.Schema(query=Query, mutation=Mutation, subscription=Subscription)
