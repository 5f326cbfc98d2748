"""Errors for variables of a wrong type, with values written as JSON: graphql-core writes them as Python does."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from django.conf import settings
from graphql import GraphQLError, OperationDefinitionNode, coerce_input_value, type_from_ast
from graphql.pyutils import inspect, print_path_list

from core.protocols.graph.documents import MAX_ERRORS
from core.protocols.graph.served_schema import served_schema

MAX_QUOTED = 200  # characters of a value in a message
JSON_WORDS = {"not to be None.": "not to be null.", "to be a mapping.": "to be an object."}


def with_json_values(
    errors: Iterable[GraphQLError], operation: OperationDefinitionNode, variables: Mapping[str, object]
) -> list[GraphQLError]:
    """Return graphql-core's errors about variables; those that quote a value are made again, with the value as JSON."""
    kept = [error for error in errors if not isinstance(error.original_error, GraphQLError)]
    for definition in operation.variable_definitions or ():
        value = variables.get(definition.variable.name.value)
        kept += [] if value is None else islice(_value_errors(definition, value), MAX_ERRORS)
    return kept[:MAX_ERRORS]


def _value_errors(definition: Any, value: Any) -> Iterator[GraphQLError]:
    name, found = definition.variable.name.value, list[tuple[Any, Any, GraphQLError]]()
    coerce_input_value(
        value,
        type_from_ast(served_schema(), definition.type),
        lambda *error: found.append(error),
        hide_suggestions=not settings.DEBUG,
    )
    for path, inner, error in found:
        where = f" at '{name}{print_path_list(path)}'" if path else ""
        text = f"Variable '${name}' got invalid value {_quoted(inner)}{where}; {_worded(error, inner)}"
        # Lone surrogates are escaped, because a response can't hold them.
        yield GraphQLError(text.encode(errors="backslashreplace").decode(), definition)


def _worded(error: GraphQLError, value: object) -> str:
    if error.original_error is not None:
        return error.message.removesuffix(f" {error.original_error}")
    for ending, words in JSON_WORDS.items():
        if error.message.endswith(ending):
            return error.message.removesuffix(ending) + words
    quoted, text = inspect(value), error.message.removesuffix(".")  # the message about an enum ends with a full stop
    return text.removesuffix(quoted) + _quoted(value) if text.endswith(quoted) else error.message


def _quoted(value: object) -> str:
    """Write a value as JSON, cut if it is too long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}..."
