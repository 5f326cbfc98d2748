"""The parameters of a request to /graphql."""

from typing import Any, NamedTuple

from core.errors import InvalidInput
from core.protocols.graph.limits import check_body, check_variables
from core.validation.strict_json import finite_float, loads


class GraphQLParams(NamedTuple):
    """The parameters of a request, of the right types."""

    query: str
    variables: dict[str, object]
    operation_name: str | None


def parsed_body(body: bytes) -> Any:
    """Parse a body of JSON. Raises InvalidInput, TooLarge, TooComplex."""
    check_body(body)
    return loads(body, parse_float=finite_float)


def checked_params(params: object) -> GraphQLParams:
    """Read the parsed parameters. Raises InvalidInput if one has the wrong type, and TooComplex."""
    if not isinstance(params, dict):
        raise InvalidInput("The body must be one JSON object: batches are not supported")
    query, name = params.get("query"), params.get("operationName")
    if not isinstance(query, str) or not query:
        raise InvalidInput("query must be a document")
    if name is not None and not isinstance(name, str):
        raise InvalidInput("operationName must be a string")
    for field in ("variables", "extensions"):
        if params.get(field) is not None and not isinstance(params[field], dict):
            raise InvalidInput(f"{field} must be an object")
    variables = params.get("variables") or {}
    check_variables(variables)
    return GraphQLParams(query, variables, name or None)
