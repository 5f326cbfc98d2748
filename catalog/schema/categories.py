"""Categories over GraphQL."""

from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from catalog.categories import change_category, create_category, delete_category
from catalog.errors import CategoryNotFound
from catalog.models import Category
from catalog.querysets import BY_NAME
from catalog.serializers import CategorySerializer
from core.protocols.graph.connections import ConnectionField, CountedConnection
from core.protocols.graph.context import graphql_caller
from core.protocols.graph.derived import NodeType, arguments_of, given, nullable_in
from core.protocols.graph.resolvers import OneRow, PagedRows
from core.serializers import checked


class CategoryType(NodeType):
    class Meta:
        serializer_class = CategorySerializer
        name = "Category"
        description = "A category of products: a node of a tree."
        connection_class = CountedConnection


class CategoryQuery(graphene.ObjectType):
    category = graphene.Field(CategoryType, id=graphene.Int(), description="One category.")
    all_categories = ConnectionField(CategoryType, description="All categories, by name; `parentId` makes them a tree.")

    resolve_category = OneRow(Category.objects.all())
    resolve_all_categories = PagedRows(Category.objects.all(), (BY_NAME.key,), BY_NAME)


class CreateCategory(graphene.Mutation):
    """Add a category. A null argument counts as not given. For staff."""

    Arguments = arguments_of(CategorySerializer)

    ok = graphene.Boolean()
    category = graphene.Field(CategoryType)

    def mutate(self, info: GraphQLResolveInfo, **values: object) -> "CreateCategory":
        actor = graphql_caller(info, create_category)
        category = create_category(actor=actor, values=checked(CategorySerializer, given(values)))
        return CreateCategory(ok=True, category=category)


class UpdateCategory(graphene.Mutation):
    """Rename or move a category. A null argument counts as not given, except `parentId`.

    `ok` is false if no category has this id. For staff.
    """

    Arguments = arguments_of(CategorySerializer, partial=True, id=graphene.Int(required=True))

    ok = graphene.Boolean()
    category = graphene.Field(CategoryType)

    def mutate(self, info: GraphQLResolveInfo, id: int, **values: Any) -> "UpdateCategory":
        actor = graphql_caller(info, change_category)
        values = given(values, with_null=nullable_in(CategorySerializer))
        changes = checked(CategorySerializer, values, partial=True)
        try:
            category = change_category(actor=actor, category_id=id, changes=changes)
        except CategoryNotFound:
            return UpdateCategory(ok=False)
        return UpdateCategory(ok=True, category=category)


class DeleteCategory(graphene.Mutation):
    """Delete a category without products and without categories below it. `ok` is false if none has this id."""

    class Arguments:
        id = graphene.Int(required=True)

    ok = graphene.Boolean()

    def mutate(self, info: GraphQLResolveInfo, id: int) -> "DeleteCategory":
        actor = graphql_caller(info)
        try:
            delete_category(actor=actor, category_id=id)
        except CategoryNotFound:
            return DeleteCategory(ok=False)
        return DeleteCategory(ok=True)
