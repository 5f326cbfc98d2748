"""Images of products over GraphQL."""

from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from catalog.actions import remove_product_image, set_product_image
from catalog.serializers import ProductImageSerializer, ProductVersionSerializer
from core.protocols.graph.context import graphql_caller
from core.protocols.graph.derived import arguments_of, given
from core.protocols.graph.errors import renaming_fields
from core.serializers import checked

PRODUCT = "catalog.schema.ProductType"  # by name, because that module imports this one


class SetProductImage(graphene.Mutation):
    """Set the image of a product. A body has at most 1 MB: send a larger file over REST or gRPC. For staff."""

    Arguments = arguments_of(
        ProductImageSerializer, names={"version": "expected_version"}, id=graphene.Int(required=True)
    )

    ok = graphene.Boolean()
    product = graphene.Field(PRODUCT)

    def mutate(self, info: GraphQLResolveInfo, id: int, **values: Any) -> "SetProductImage":
        actor = graphql_caller(info, set_product_image)
        with renaming_fields(version="expected_version"):
            sent = checked(ProductImageSerializer, _with_version(values))
        product = set_product_image(
            actor=actor, product_id=id, content=sent["image"], expected_version=sent.get("version")
        )
        return SetProductImage(ok=True, product=product)


class RemoveProductImage(graphene.Mutation):
    """Remove the image of a product, if it has one. For staff."""

    Arguments = arguments_of(
        ProductVersionSerializer, names={"version": "expected_version"}, id=graphene.Int(required=True)
    )

    ok = graphene.Boolean()
    product = graphene.Field(PRODUCT)

    def mutate(self, info: GraphQLResolveInfo, id: int, **values: Any) -> "RemoveProductImage":
        actor = graphql_caller(info, remove_product_image)
        with renaming_fields(version="expected_version"):
            sent = checked(ProductVersionSerializer, _with_version(values))
        product = remove_product_image(actor=actor, product_id=id, expected_version=sent.get("version"))
        return RemoveProductImage(ok=True, product=product)


def _with_version(values: dict[str, Any]) -> dict[str, Any]:
    """Name the argument `expectedVersion` as the serializers do. Null counts as not given."""
    return given({"version": values.pop("expected_version", None), **values})
