"""Documents, parsed and validated once."""

from collections.abc import Sequence
from functools import lru_cache

from django.conf import settings
from graphql import DocumentNode, GraphQLError, GraphQLSyntaxError, parse, validate

from ecommerce.errors import DomainError
from ecommerce.graph.errors import TooComplex
from ecommerce.graph.limits import MAX_CHARACTERS, MAX_TOKENS, check_shape
from ecommerce.schema import schema

MAX_CACHED = 128  # the largest that pass are half a megabyte each
MAX_ERRORS = 10
# How graphql-core begins when it gives a document up, the first before "is nested too deeply" and the like.
GIVEN_UP = ("Syntax Error: Document ", "Maximum introspection depth", "Validation aborted")


class Refused(Exception):
    """A request that is not executed, and all that is wrong with it."""

    def __init__(self, errors: Sequence[GraphQLError | DomainError]) -> None:
        super().__init__(errors)
        self.errors = errors


@lru_cache(MAX_CACHED)
def prepared(query: str) -> DocumentNode:
    """Return a valid document within the limits. Raises Refused, of which nothing is kept."""
    document = _parsed(query)
    try:
        check_shape(document)
    except DomainError as error:
        raise Refused([error]) from error
    # Suggestions would spell the schema out to who guesses, and cost a comparison with every name in it.
    if errors := validate(schema.graphql_schema, document, max_errors=MAX_ERRORS, hide_suggestions=not settings.DEBUG):
        raise Refused([_refusal_of(error) for error in errors])
    return document


def _parsed(query: str) -> DocumentNode:
    if len(query) > MAX_CHARACTERS:
        raise Refused([TooComplex(f"characters max is {MAX_CHARACTERS}")])
    try:
        return parse(query, max_tokens=MAX_TOKENS)
    except GraphQLSyntaxError as error:
        raise Refused([_refusal_of(error)]) from error


def _refusal_of(error: GraphQLError) -> GraphQLError | DomainError:
    is_given_up = error.message.startswith(GIVEN_UP)
    return TooComplex(error.message.removeprefix("Syntax Error: ")) if is_given_up else error
