"""Parses and validates documents, and caches the valid ones."""

from collections.abc import Sequence
from functools import lru_cache

from django.conf import settings
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    parse,
    validate,
)

from core.errors import DomainError, TooComplex
from core.protocols.graph.limits import MAX_CHARACTERS, MAX_TOKENS, check_shape
from core.protocols.graph.served_schema import served_schema

MAX_CACHED = 128  # the largest valid documents take half a megabyte each
MAX_ERRORS = 10
# Prefixes of graphql-core's messages when it aborts. One that begins with the first is "... is nested too deeply".
ABORTED = ("Syntax Error: Document ", "Maximum introspection depth", "Validation aborted")


class InvalidDocument(Exception):
    """Raised if a request is not executed; `errors` has all the reasons."""

    def __init__(self, errors: Sequence[GraphQLError | DomainError]) -> None:
        super().__init__(errors)
        self.errors = errors


@lru_cache(MAX_CACHED)
def prepared(query: str) -> DocumentNode:
    """Parse a document, and check its limits and its validity. Raises InvalidDocument; only valid ones are cached."""
    document = _parsed(query)
    try:
        check_shape(document)
    except DomainError as error:
        raise InvalidDocument([error]) from error
    # Suggestions would reveal the schema to anyone guessing, and cost a comparison with every name in it.
    if errors := validate(served_schema(), document, max_errors=MAX_ERRORS, hide_suggestions=not settings.DEBUG):
        raise InvalidDocument([_refusal_of(error) for error in errors])
    return document


def _parsed(query: str) -> DocumentNode:
    if len(query) > MAX_CHARACTERS:
        raise InvalidDocument([TooComplex(f"characters max is {MAX_CHARACTERS}")])
    try:
        return parse(query, max_tokens=MAX_TOKENS)
    except GraphQLSyntaxError as error:
        raise InvalidDocument([_refusal_of(error)]) from error


def _refusal_of(error: GraphQLError) -> GraphQLError | DomainError:
    is_aborted = error.message.startswith(ABORTED)
    return TooComplex(error.message.removeprefix("Syntax Error: ")) if is_aborted else error


def label_of(operation: OperationDefinitionNode) -> str:
    """Return the kind and the first field of an operation of a valid document, for logs and metrics."""
    first = operation.selection_set.selections[0]
    field = first.name.value if isinstance(first, FieldNode) else "fragment"
    return f"{operation.operation.value} {field}"
