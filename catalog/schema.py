"""Products over GraphQL."""

from functools import partial
from typing import Any

import graphene
from graphene import relay
from graphene_django import DjangoObjectType

from catalog.actions import change_product, create_product, create_products, delete_product
from catalog.errors import ProductNotFound
from catalog.feed import facts_of, is_of
from catalog.filters import ProductFilter
from catalog.models import Product
from catalog.permissions import can_edit_products
from catalog.querysets import SORT_KEYS, ProductQuerySet
from catalog.serializers import ProductChangeSerializer, ProductSerializer
from ecommerce.batch import checked_rows, outcomes_of
from ecommerce.errors import DomainError
from ecommerce.feed.events import Event
from ecommerce.filters import filtered
from ecommerce.graph.connections import (
    MAX_PAGE,
    ConnectionField,
    CountedConnection,
    connection_of,
    order_argument,
)
from ecommerce.graph.context import caller_of, id_given
from ecommerce.graph.errors import fields_of, naming
from ecommerce.graph.peers import together
from ecommerce.graph.scalars import DateTime
from ecommerce.graph.sources import Source
from ecommerce.keyset import sort_of
from ecommerce.permissions import require
from ecommerce.serializers import checked

NEWEST_FIRST = "-created_at"


class ProductType(DjangoObjectType):
    class Meta:
        model = Product
        name = "Product"
        description = "Something to buy."
        fields = ("name", "description", "stock", "sku", "version")
        interfaces = (relay.Node,)
        connection_class = CountedConnection

    pk = graphene.Int(required=True)
    price = graphene.Float(required=True, description="In major units of the shop's currency, two decimals.")
    created_at = DateTime(required=True)
    updated_at = DateTime(required=True)

    @classmethod
    def get_node(cls, info: Any, id: str) -> Product:
        return visible_product(info, id_given(id))


def visible_product(info: Any, pk: int) -> Product:
    """Return a product the caller may see. Raises ProductNotFound."""
    product = Product.objects.visible_to(caller_of(info)).filter(pk=pk).first()
    if product is None:
        raise ProductNotFound(f"Product {pk} not found")
    return product


class Query(graphene.ObjectType):
    product = graphene.Field(ProductType, id=graphene.Int(), description="One product.")
    all_products = ConnectionField(
        ProductType,
        q=graphene.String(description="The name contains this, in any case."),
        min_price=graphene.Float(),
        max_price=graphene.Float(),
        in_stock=graphene.Boolean(),
        order_by=order_argument(SORT_KEYS, NEWEST_FIRST),
        description="Every product.",
    )
    search_products = graphene.List(
        graphene.NonNull(ProductType),
        required=True,
        query=graphene.String(required=True, description="The name contains this, in any case."),
        min_price=graphene.Float(),
        max_price=graphene.Float(),
        description="The first 100 products, by name, whose name contains the text.",
    )

    def resolve_product(self, info: Any, id: int | None = None) -> Product:
        return visible_product(info, id_given(id))

    def resolve_all_products(self, info: Any, order_by: str | None = None, **args: Any) -> CountedConnection:
        part = {name: args.pop(name, None) for name in ("first", "last", "after", "before")}
        sort = sort_of(order_by, SORT_KEYS, NEWEST_FIRST, "order_by")
        return connection_of(ProductType, _found(info, args), sort, part)

    def resolve_search_products(self, info: Any, query: str, **prices: Any) -> list[Product]:
        with naming(q="query"):
            found = _found(info, {"q": query, **prices})
        return together(found.sorted_by("name")[:MAX_PAGE])


def _found(info: Any, params: dict[str, Any]) -> ProductQuerySet:
    return filtered(ProductFilter, params, Product.objects.visible_to(caller_of(info)))


class CreateProduct(graphene.Mutation):
    """Add a product. For staff."""

    class Arguments:
        name = graphene.String(required=True)
        description = graphene.String()
        price = graphene.Float(required=True)
        stock = graphene.Int()
        sku = graphene.String()

    ok = graphene.Boolean()
    product = graphene.Field(ProductType)

    def mutate(self, info: Any, **values: Any) -> "CreateProduct":
        actor = caller_of(info)
        require(actor, can_edit_products(actor))
        return CreateProduct(ok=True, product=create_product(actor=actor, values=checked(ProductSerializer, values)))


class UpdateProduct(graphene.Mutation):
    """Change what is given of a product, and nothing else. `ok` is false when there is none of this id. For staff."""

    class Arguments:
        id = graphene.Int(required=True)
        name = graphene.String()
        description = graphene.String()
        price = graphene.Float()
        stock = graphene.Int()
        sku = graphene.String()
        expected_version = graphene.Int(description="The version the change was made from.")

    ok = graphene.Boolean()
    product = graphene.Field(ProductType)

    def mutate(self, info: Any, id: int, **values: Any) -> "UpdateProduct":
        actor = caller_of(info)
        require(actor, can_edit_products(actor))
        if "expected_version" in values:
            values["version"] = values.pop("expected_version")
        with naming(version="expected_version"):
            changes = checked(ProductChangeSerializer, values, partial=True)
        expected = changes.pop("version", None)
        try:
            product = change_product(actor=actor, product_id=id, changes=changes, expected_version=expected)
        except ProductNotFound:
            return UpdateProduct(ok=False)
        return UpdateProduct(ok=True, product=product)


class DeleteProduct(graphene.Mutation):
    """Remove a product. `ok` is false when there is none of this id. For staff."""

    class Arguments:
        id = graphene.Int(required=True)

    ok = graphene.Boolean()

    def mutate(self, info: Any, id: int) -> "DeleteProduct":
        actor = caller_of(info)
        try:
            delete_product(actor=actor, product_id=id)
        except ProductNotFound:
            return DeleteProduct(ok=False)
        return DeleteProduct(ok=True)


class ProductInput(graphene.InputObjectType):
    """A product to add."""

    name = graphene.String(required=True)
    description = graphene.String()
    price = graphene.Float(required=True)
    stock = graphene.Int()
    sku = graphene.String()


class FieldError(graphene.ObjectType):
    """What is wrong with one field."""

    field = graphene.String(required=True)
    message = graphene.String(required=True)


class BatchError(graphene.ObjectType):
    """Why one row was refused."""

    index = graphene.Int(required=True, description="Its place in what was sent, from 0.")
    code = graphene.String(required=True)
    message = graphene.String(required=True)
    fields = graphene.List(graphene.NonNull(FieldError), required=True)


class BatchCreateProducts(graphene.Mutation):
    """Add many products: each valid row is created. For staff."""

    class Arguments:
        products = graphene.List(graphene.NonNull(ProductInput), required=True)

    ok = graphene.Boolean(description="Whether every row was created.")
    created_count = graphene.Int(required=True)
    products = graphene.List(ProductType, required=True, description="In the order sent; null where refused.")
    errors = graphene.List(graphene.NonNull(BatchError), required=True)

    def mutate(self, info: Any, products: list[dict[str, Any]]) -> "BatchCreateProducts":
        actor = caller_of(info)
        require(actor, can_edit_products(actor))
        rows = checked_rows([dict(row) for row in products], ProductSerializer)
        made = create_products(actor=actor, rows=[row for row in rows if isinstance(row, dict)])
        outcomes = outcomes_of(rows, made)
        created = together(row for row in outcomes if isinstance(row, Product))
        return BatchCreateProducts(
            ok=len(created) == len(outcomes),
            created_count=len(created),
            products=[row if isinstance(row, Product) else None for row in outcomes],
            errors=[_batch_error(n, row) for n, row in enumerate(outcomes) if isinstance(row, DomainError)],
        )


def _batch_error(index: int, refusal: DomainError) -> BatchError:
    fields = [FieldError(field=name, message=text) for name, text in fields_of(refusal).items()]
    return BatchError(index=index, code=refusal.code.upper(), message=refusal.message, fields=fields)


class Mutation(graphene.ObjectType):
    create_product = CreateProduct.Field()
    update_product = UpdateProduct.Field()
    delete_product = DeleteProduct.Field()
    batch_create_products = BatchCreateProducts.Field()


class ProductUpdate(graphene.ObjectType):
    """What became of a product."""

    product_id = graphene.Int(required=True)
    new_price = graphene.Float(description="Of a deleted product, its last.")
    new_stock = graphene.Int(description="Of a deleted product, its last.")
    kind = graphene.String(required=True, description="One of created, updated, deleted.")
    at = DateTime(required=True)
    cursor = graphene.String(required=True, description="The place to follow on from, in any protocol.")
    product = graphene.Field(ProductType, description="As it is by now; null once it is deleted.")

    def resolve_product(self, info: Any) -> Product | None:
        return Product.objects.visible_to(caller_of(info)).filter(pk=self.product_id).first()


class Subscription(graphene.ObjectType):
    product_updated = graphene.Field(
        ProductUpdate,
        id=graphene.Int(description="Of this product; of every product when left out."),
        after=graphene.String(description="With a cursor every change since, then live; without one from now on."),
        description="Every change of a product, however it was made.",
    )

    def subscribe_product_updated(self, info: Any, id: int | None = None, after: str | None = None) -> Source:
        if id is not None and not (id and after):  # one that is gone still has a past
            visible_product(info, id)
        return Source(partial(is_of, id or 0), after)

    def resolve_product_updated(self: Event, info: Any, **_: Any) -> ProductUpdate:
        facts = facts_of(self)
        del facts["timestamp"]
        return ProductUpdate(**facts, at=self.at, cursor=self.cursor)
