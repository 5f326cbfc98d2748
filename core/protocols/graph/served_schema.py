"""The GraphQL schema that the project serves."""

from typing import cast

from graphene_django.settings import graphene_settings
from graphql import GraphQLSchema


def served_schema() -> GraphQLSchema:
    """Return the schema that GRAPHENE["SCHEMA"] names."""
    return cast("GraphQLSchema", graphene_settings.SCHEMA.graphql_schema)
