"""Products and categories over GraphQL."""

from functools import partial
from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from catalog.actions import (
    change_product,
    correct_stock,
    create_product,
    create_products,
    delete_product,
    revert_product,
)
from catalog.bulk.by_sku import change_products_by_sku
from catalog.errors import ProductNotFound
from catalog.feed import is_of, product_facts
from catalog.filters import ProductFilter, ProductHistoryFilter
from catalog.models import Product, ProductHistory
from catalog.querysets import SORT_KEYS
from catalog.schema.categories import CategoryQuery, CreateCategory, DeleteCategory, UpdateCategory
from catalog.schema.images import RemoveProductImage, SetProductImage
from catalog.schema.price_changes import ChangePrices, PriceChangeQuery, UndoPriceChange
from catalog.serializers import (
    ProductChangeSerializer,
    ProductHistorySerializer,
    ProductSerializer,
    ReversalSerializer,
    SkuChangeSerializer,
    StockCorrectionSerializer,
)
from core.batch import checked_rows, outcomes_of
from core.errors import DomainError
from core.history.serializers import HISTORY
from core.lists.filters import filtered
from core.lists.keyset import NEWEST_FIRST, Sort
from core.models import Event
from core.protocols.graph.connections import (
    ConnectionField,
    CountedConnection,
    connection_of,
    order_argument,
)
from core.protocols.graph.context import graphql_caller
from core.protocols.graph.derived import (
    NodeType,
    arguments_of,
    filter_arguments,
    given,
    input_type,
    nullable_in,
)
from core.protocols.graph.errors import fields_of, renaming_fields
from core.protocols.graph.live.subscription_spec import SubscriptionSpec
from core.protocols.graph.peers import grouped
from core.protocols.graph.resolvers import FirstRows, OneRow, PagedRows
from core.protocols.graph.scalars import DateTime
from core.serializers import checked


class ProductType(NodeType):
    class Meta:
        serializer_class = ProductSerializer
        name = "Product"
        description = "A product for sale."
        connection_class = CountedConnection


class FieldChange(graphene.ObjectType):
    """A field before and after a change, as text. A new row has no old values, a deleted row no new ones."""

    field = graphene.String(required=True)
    old = graphene.String()
    new = graphene.String()


FIELD_CHANGES = graphene.NonNull(graphene.List(graphene.NonNull(FieldChange)))


class ProductHistoryType(NodeType):
    class Meta:
        serializer_class = ProductHistorySerializer
        name = "ProductHistory"
        description = "A change of a product. `units` and `stock` are set if the stock changed: they are its ledger."
        connection_class = CountedConnection

    actor_id = graphene.Int(description="The caller; null for manual SQL and commands.")
    fields = graphene.Field(FIELD_CHANGES)


class ProductQuery(graphene.ObjectType):
    product = graphene.Field(ProductType, id=graphene.Int(), description="One product.")
    all_products = ConnectionField(
        ProductType,
        **filter_arguments(ProductFilter),
        order_by=order_argument(SORT_KEYS, NEWEST_FIRST),
        description="Every product.",
    )
    search_products = graphene.List(
        graphene.NonNull(ProductType),
        required=True,
        query=graphene.String(required=True, description="The name contains this; case and Unicode form are ignored."),
        **filter_arguments(ProductFilter, without=("q", "in_stock")),
        description="The first 100 products with this text in their name, sorted by name.",
    )

    product_history = ConnectionField(
        ProductHistoryType,
        id=graphene.Int(required=True),
        **filter_arguments(ProductHistoryFilter),
        description="Every change of a product, manual SQL included, the newest first. For staff.",
    )

    def resolve_product_history(
        self, info: GraphQLResolveInfo, id: int, first: int | None = None, **args: object
    ) -> CountedConnection:
        caller = graphql_caller(info, ProductHistory.objects.all().readers)
        paging = {"first": first, **{name: args.pop(name, None) for name in ("last", "after", "before")}}
        return connection_of(
            ProductHistoryType,
            paging,
            sort=lambda: HISTORY,
            find=lambda: filtered(ProductHistoryFilter, args, ProductHistory.objects.of(caller, id)),
        )

    resolve_product = OneRow(Product.objects.all())
    resolve_all_products = PagedRows(Product.objects.all(), SORT_KEYS, NEWEST_FIRST, filterset=ProductFilter)
    resolve_search_products = FirstRows(Product.objects.all(), Sort("name"), ProductFilter, {"query": "q"})


class Query(PriceChangeQuery, CategoryQuery, ProductQuery, graphene.ObjectType):
    pass


class CreateProduct(graphene.Mutation):
    """Add a product. A null argument counts as not given. For staff."""

    Arguments = arguments_of(ProductSerializer)

    ok = graphene.Boolean()
    product = graphene.Field(ProductType)

    def mutate(self, info: GraphQLResolveInfo, **values: object) -> "CreateProduct":
        actor = graphql_caller(info, create_product)
        product = create_product(actor=actor, values=checked(ProductSerializer, given(values)))
        return CreateProduct(ok=True, product=product)


class UpdateProduct(graphene.Mutation):
    """Change only the given fields of a product. A null argument counts as not given, except `sku` and `categoryId`.

    `ok` is false if no product has this id. For staff.
    """

    Arguments = arguments_of(
        ProductChangeSerializer,
        partial=True,
        names={"version": "expected_version"},
        id=graphene.Int(required=True),
    )

    ok = graphene.Boolean()
    product = graphene.Field(ProductType)

    def mutate(self, info: GraphQLResolveInfo, id: int, **values: Any) -> "UpdateProduct":
        actor = graphql_caller(info, change_product)
        values = given(values, with_null=nullable_in(ProductChangeSerializer))
        if "expected_version" in values:
            values["version"] = values.pop("expected_version")
        with renaming_fields(version="expected_version"):
            changes = checked(ProductChangeSerializer, values, partial=True)
        expected = changes.pop("version", None)
        try:
            product = change_product(actor=actor, product_id=id, changes=changes, expected_version=expected)
        except ProductNotFound:
            return UpdateProduct(ok=False)
        return UpdateProduct(ok=True, product=product)


class CorrectStock(graphene.Mutation):
    """Add units to a stock, or take them. Sales in between are no conflict. For staff."""

    Arguments = arguments_of(
        StockCorrectionSerializer,
        id=graphene.Int(required=True),
        idempotency_key=graphene.String(
            description="A retry with the same key corrects nothing, and gets the product as it is now."
        ),
    )

    ok = graphene.Boolean()
    product = graphene.Field(ProductType)

    def mutate(
        self, info: GraphQLResolveInfo, id: int, idempotency_key: str | None = None, **values: object
    ) -> "CorrectStock":
        actor = graphql_caller(info, correct_stock)
        correction = checked(StockCorrectionSerializer, values)
        product = correct_stock(actor=actor, product_id=id, key=idempotency_key, **correction)
        return CorrectStock(ok=True, product=product)


class RevertProduct(graphene.Mutation):
    """Set the fields of one change back to their old values. The stock keeps its value. For staff."""

    Arguments = arguments_of(ReversalSerializer, id=graphene.Int(required=True))

    ok = graphene.Boolean()
    product = graphene.Field(ProductType)

    def mutate(self, info: GraphQLResolveInfo, id: int, **values: object) -> "RevertProduct":
        actor = graphql_caller(info, revert_product)
        product = revert_product(actor=actor, product_id=id, **checked(ReversalSerializer, values))
        return RevertProduct(ok=True, product=product)


class DeleteProduct(graphene.Mutation):
    """Delete a product. `ok` is false if no product has this id. For staff."""

    class Arguments:
        id = graphene.Int(required=True)

    ok = graphene.Boolean()

    def mutate(self, info: GraphQLResolveInfo, id: int) -> "DeleteProduct":
        actor = graphql_caller(info)
        try:
            delete_product(actor=actor, product_id=id)
        except ProductNotFound:
            return DeleteProduct(ok=False)
        return DeleteProduct(ok=True)


ProductInput = input_type("ProductInput", ProductSerializer, "A product to add. A null field counts as not given.")


class FieldError(graphene.ObjectType):
    """The error of one field."""

    field = graphene.String(required=True)
    message = graphene.String(required=True)


class BatchError(graphene.ObjectType):
    """The error of one refused row."""

    index = graphene.Int(required=True, description="Index of the row in the request, from 0.")
    code = graphene.String(required=True)
    message = graphene.String(required=True)
    fields = graphene.List(graphene.NonNull(FieldError), required=True)


class BatchCreateProducts(graphene.Mutation):
    """Add many products: each valid row is created. For staff."""

    class Arguments:
        products = graphene.List(graphene.NonNull(ProductInput), required=True)

    ok = graphene.Boolean(description="Whether every row was created.")
    created_count = graphene.Int(required=True)
    products = graphene.List(
        ProductType, required=True, description="In the order of the request; null for refused rows."
    )
    errors = graphene.List(graphene.NonNull(BatchError), required=True)

    def mutate(self, info: GraphQLResolveInfo, products: list[dict[str, object]]) -> "BatchCreateProducts":
        actor = graphql_caller(info, create_products)
        rows = checked_rows([given(row) for row in products], ProductSerializer)
        made = create_products(actor=actor, rows=[row for row in rows if isinstance(row, dict)])
        outcomes = outcomes_of(rows, made)
        created = grouped(row for row in outcomes if isinstance(row, Product))
        return BatchCreateProducts(
            ok=len(created) == len(outcomes),
            created_count=len(created),
            products=[row if isinstance(row, Product) else None for row in outcomes],
            errors=[batch_error(n, row) for n, row in enumerate(outcomes) if isinstance(row, DomainError)],
        )


SkuChange = input_type("SkuChange", SkuChangeSerializer, "New values of the product with this SKU.")


class BatchChangeProducts(graphene.Mutation):
    """Change many products by SKU: each valid row is changed. A null field counts as not given. For staff."""

    class Arguments:
        changes = graphene.List(graphene.NonNull(SkuChange), required=True)

    ok = graphene.Boolean(description="Whether every row was changed.")
    changed_count = graphene.Int(required=True)
    products = graphene.List(
        ProductType, required=True, description="In the order of the request; null for refused rows."
    )
    errors = graphene.List(graphene.NonNull(BatchError), required=True)

    def mutate(self, info: GraphQLResolveInfo, changes: list[dict[str, object]]) -> "BatchChangeProducts":
        actor = graphql_caller(info, change_products_by_sku)
        rows = checked_rows([given(row) for row in changes], SkuChangeSerializer)
        made = change_products_by_sku(actor=actor, rows=[row for row in rows if isinstance(row, dict)])
        outcomes = outcomes_of(rows, made)
        ids = [row.pk for row in outcomes if isinstance(row, Product)]
        # Read again, for the versions that the trigger set.
        changed = {row.pk: row for row in grouped(Product.objects.filter(pk__in=ids))}
        return BatchChangeProducts(
            ok=len(ids) == len(outcomes),
            changed_count=len(ids),
            products=[changed.get(row.pk) if isinstance(row, Product) else None for row in outcomes],
            errors=[batch_error(n, row) for n, row in enumerate(outcomes) if isinstance(row, DomainError)],
        )


def batch_error(index: int, refusal: DomainError) -> BatchError:
    """Return the refusal of a row of a batch."""
    fields = [FieldError(field=name, message=text) for name, text in fields_of(refusal).items()]
    return BatchError(index=index, code=refusal.code.upper(), message=refusal.message, fields=fields)


class Mutation(graphene.ObjectType):
    create_product = CreateProduct.Field()
    update_product = UpdateProduct.Field()
    delete_product = DeleteProduct.Field()
    correct_stock = CorrectStock.Field()
    revert_product = RevertProduct.Field()
    set_product_image = SetProductImage.Field()
    remove_product_image = RemoveProductImage.Field()
    create_category = CreateCategory.Field()
    update_category = UpdateCategory.Field()
    delete_category = DeleteCategory.Field()
    batch_create_products = BatchCreateProducts.Field()
    batch_change_products = BatchChangeProducts.Field()
    change_prices = ChangePrices.Field()
    undo_price_change = UndoPriceChange.Field()


class ProductUpdate(graphene.ObjectType):
    """A change of a product."""

    product_id = graphene.Int(required=True)
    new_price = graphene.Float(description="For a deleted product, its last price.")
    new_stock = graphene.Int(description="For a deleted product, its last stock.")
    kind = graphene.String(required=True, description="One of created, updated, deleted.")
    at = DateTime(required=True)
    cursor = graphene.String(required=True, description="The cursor to resume from, in any protocol.")
    product = graphene.Field(ProductType, description="The current product; null if it is deleted.")

    def resolve_product(self, info: GraphQLResolveInfo) -> Product | None:
        return Product.objects.visible_to(graphql_caller(info)).filter(pk=self.product_id).first()


class Subscription(graphene.ObjectType):
    product_updated = graphene.Field(
        ProductUpdate,
        id=graphene.Int(description="Only changes of this product. If omitted, changes of all products."),
        after=graphene.String(description="Resume after this cursor. If omitted, the stream starts with new changes."),
        description="Every change of a product, from any source, SQL included.",
    )

    def subscribe_product_updated(
        self, info: GraphQLResolveInfo, id: int | None = None, after: str | None = None
    ) -> SubscriptionSpec:
        if id is not None and not (id and after):  # with a cursor, a deleted product still has past events
            Product.objects.one(graphql_caller(info), id)
        return SubscriptionSpec(partial(is_of, id or 0), after)

    def resolve_product_updated(self: Event, info: GraphQLResolveInfo, **_: object) -> ProductUpdate:
        facts = product_facts(self)
        del facts["timestamp"]
        return ProductUpdate(**facts, at=self.at, cursor=self.cursor)
