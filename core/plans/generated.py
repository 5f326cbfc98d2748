"""Functions generated from one expression for each field: one loop over the rows, without a call for each field.

The source of a function holds names of fields and of Python functions, never a value that a client sent. A client's
only text in it are GraphQL's aliases, which are limited to [_A-Za-z0-9].
"""

from collections.abc import Callable, Mapping
from typing import Any

UNCHANGED = "{v}"  # the conversion of a value {v} that needs none


def or_none(conversion: str, value: str) -> str:
    """Return the expression that converts the value, but leaves None as None."""
    converted = conversion.format(v=value)
    return converted if conversion == UNCHANGED else f"(None if {value} is None else {converted})"


def url_of_file(prefix: str) -> str:
    """Return the conversion of a file's name into its URL."""
    return f"{prefix!r} + {{v}}"


def generated_function(parameters: str, source: str, names: Mapping[str, Any]) -> Callable[..., list[Any]]:
    """Return a function with these parameters and this body. `names` are the functions that the body calls."""
    namespace: dict[str, Any] = {**names}
    exec(f"def generated({parameters}):\n{source}", namespace)  # noqa: S102  # no value of a client: see above
    generated: Callable[..., list[Any]] = namespace["generated"]
    return generated
