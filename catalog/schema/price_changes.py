"""Changes of many prices over GraphQL."""

from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from catalog.bulk.repricing import change_prices, preview_prices, undo_price_change
from catalog.filters import ProductFilter
from catalog.models import PriceChange
from catalog.price_changes import (
    PercentSerializer,
    PriceChangeSerializer,
    PricePreviewSerializer,
    RepricingSerializer,
    repricing_of,
)
from core.actors import Actor
from core.history.serializers import HISTORY
from core.lists.filters import filters_of
from core.protocols.graph.connections import ConnectionField, CountedConnection
from core.protocols.graph.context import graphql_caller
from core.protocols.graph.derived import NodeType, arguments_of, filter_arguments, given, inputs_of
from core.protocols.graph.resolvers import OneRow, PagedRows
from core.serializers import SerializerClass


class PriceChangeType(NodeType):
    class Meta:
        serializer_class = PriceChangeSerializer
        name = "PriceChange"
        description = "A change of the prices of all products of a filter."
        connection_class = CountedConnection

    actor_id = graphene.Int(description="The caller.")
    left_ids = graphene.List(
        graphene.NonNull(graphene.Int),
        required=True,
        description="The first 1,000 changed products that the undo left: they have another price, or are deleted.",
    )


class PriceExample(graphene.ObjectType):
    """The old and the new price of a product."""

    product_id = graphene.Int(required=True)
    sku = graphene.String()
    name = graphene.String(required=True)
    price = graphene.Float(required=True)
    new_price = graphene.Float(required=True)
    problem = graphene.String(required=True, description="The reason if the new price is refused, else empty.")


PRICE_EXAMPLES = graphene.List(graphene.NonNull(PriceExample))


class PreviewOfPrices(graphene.ObjectType):
    """The result of a change of prices, before it is made."""

    class Meta:
        name = "PricePreview"

    percent = graphene.Float(required=True)
    matched = graphene.Int(required=True, description="Number of products of the filter.")
    changed = graphene.Int(required=True, description="Number of prices that would change.")
    unchanged = graphene.Int(required=True, description="Number of prices that stay the same, once rounded.")
    refused = graphene.Int(required=True, description="Number of products whose new price would be invalid.")
    as_of = graphene.String(required=True, description="Send it with the change.")
    examples = graphene.NonNull(PRICE_EXAMPLES, description="The first 20 products, by id.")
    refusals = graphene.NonNull(PRICE_EXAMPLES, description="The first 20 refused products.")


def _repricing_of(serializer_class: SerializerClass, caller: Actor, sent: dict[str, Any]) -> dict[str, Any]:
    sent = given(sent)
    filters = {name: sent.pop(name) for name in filters_of(ProductFilter) if name in sent}
    return repricing_of(serializer_class, caller=caller, data=sent, filters=filters)


class PriceChangeQuery(graphene.ObjectType):
    price_change = graphene.Field(PriceChangeType, id=graphene.Int(), description="One change of prices. For staff.")
    all_price_changes = ConnectionField(PriceChangeType, description="Changes of prices, the newest first. For staff.")
    preview_prices = graphene.Field(
        PreviewOfPrices,
        **inputs_of(PercentSerializer),
        **filter_arguments(ProductFilter),
        description="The result of `changePrices` with the same arguments, before it is made. For staff.",
    )

    resolve_price_change = OneRow(PriceChange.objects.all())
    resolve_all_price_changes = PagedRows(
        PriceChange.objects.all(), (HISTORY.key,), HISTORY, guard=PriceChange.objects.all().readers
    )

    def resolve_preview_prices(self, info: GraphQLResolveInfo, **sent: Any) -> Any:
        actor = graphql_caller(info, preview_prices)
        preview = preview_prices(actor=actor, **_repricing_of(PercentSerializer, actor, sent))
        return PricePreviewSerializer(preview).data


class ChangePrices(graphene.Mutation):
    """Change the prices of all products of the filter, at most 50,000, by a percentage. For staff.

    Without a filter, of all products. `undoPriceChange` takes it back.
    """

    Arguments = arguments_of(
        RepricingSerializer,
        **filter_arguments(ProductFilter),
        idempotency_key=graphene.String(
            description="A retry with the same key gets the first response again. Spaces at its ends are ignored."
        ),
    )

    ok = graphene.Boolean()
    price_change = graphene.Field(PriceChangeType)

    def mutate(self, info: GraphQLResolveInfo, idempotency_key: str | None = None, **sent: Any) -> "ChangePrices":
        actor = graphql_caller(info, change_prices)
        change = change_prices(actor=actor, key=idempotency_key, **_repricing_of(RepricingSerializer, actor, sent))
        return ChangePrices(ok=True, price_change=change)


class UndoPriceChange(graphene.Mutation):
    """Give each product that still has the new price of a change its old price back. For staff."""

    class Arguments:
        id = graphene.Int(required=True)

    ok = graphene.Boolean()
    price_change = graphene.Field(PriceChangeType)

    def mutate(self, info: GraphQLResolveInfo, id: int) -> "UndoPriceChange":
        actor = graphql_caller(info, undo_price_change)
        return UndoPriceChange(ok=True, price_change=undo_price_change(actor=actor, price_change_id=id))
