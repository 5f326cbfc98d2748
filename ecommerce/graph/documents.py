"""Documents, parsed and validated once."""

from collections.abc import Sequence
from functools import lru_cache

from graphql import DocumentNode, GraphQLError, GraphQLSyntaxError, parse, validate

from ecommerce.errors import DomainError
from ecommerce.graph.errors import TooComplex
from ecommerce.graph.limits import MAX_CHARACTERS, MAX_TOKENS, check_shape
from ecommerce.schema import schema

MAX_CACHED = 500
MAX_ERRORS = 10


class Refused(Exception):
    """A request that is not executed, and all that is wrong with it."""

    def __init__(self, errors: Sequence[GraphQLError | DomainError]) -> None:
        super().__init__(errors)
        self.errors = errors


@lru_cache(MAX_CACHED)
def prepared(query: str) -> DocumentNode:
    """Return a valid document within the limits. Raises Refused, of which nothing is kept."""
    if len(query) > MAX_CHARACTERS:
        raise Refused([TooComplex(f"characters max is {MAX_CHARACTERS}")])
    try:
        document = parse(query, max_tokens=MAX_TOKENS)
        check_shape(document)
    except RecursionError as error:
        raise Refused([TooComplex("The document nests too deep")]) from error
    except GraphQLSyntaxError as error:
        raise Refused([TooComplex(f"tokens max is {MAX_TOKENS}") if "tokens" in error.message else error]) from error
    except DomainError as error:
        raise Refused([error]) from error
    if errors := validate(schema.graphql_schema, document, max_errors=MAX_ERRORS):
        raise Refused(errors)
    return document
