"""The selections of a query, read as graphql-core reads them: fragments are expanded, arguments are bound later."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    IntValueNode,
    StringValueNode,
    VariableNode,
)

from core.plans.columns import Unplannable
from core.protocols.graph.limits import MAX_COUNTS, fragments_of, selections_of

LITERALS: Mapping[type[Any], type] = {IntValueNode: int, StringValueNode: str}
INT32 = range(-(2**31), 2**31)

Selected = dict[str, list[FieldNode]]  # the fields of one object, by their names in the response


class Fallback(Exception):
    """graphql-core must execute this request: its values are not those that a plan expects."""


class Argument(NamedTuple):
    """An argument of a field: a literal, or the value of a variable."""

    kind: type
    literal: Any = None
    variable: str | None = None

    def value(self, variables: Mapping[str, Any]) -> Any:
        """Return the value. Raises Fallback if it is missing, null or of another type."""
        if self.variable is None:
            return self.literal
        value = variables.get(self.variable)
        if type(value) is not self.kind or (self.kind is int and value not in INT32):
            raise Fallback
        return value


class Selections:
    """Reads the selections of a valid document, for one plan."""

    def __init__(self, document: DocumentNode) -> None:
        self._fragments = fragments_of(document)
        self._fields_left = MAX_COUNTS["fields"]  # fragments can repeat fields without bound
        self.page_sizes: list[Argument] = []  # the values of `first` so far: the cost depends on them

    def of(self, parents: list[Any], kind: object) -> Selected:
        """Return the fields that the nodes of one object select together. Raises Unplannable."""
        found: Selected = {}
        seen: set[str] = set()
        for parent in parents:
            self._collect(parent, kind, found, seen)
        self._fields_left -= len(found)
        if self._fields_left < 0:
            raise Unplannable("too many fields")
        return found

    def _collect(self, parent: object, kind: object, found: Selected, seen: set[str]) -> None:
        for node in selections_of(parent):
            if node.directives:
                raise Unplannable("a directive")
            if isinstance(node, FieldNode):
                found.setdefault((node.alias or node.name).value, []).append(node)
            elif not isinstance(node, FragmentSpreadNode):
                self._collect_fragment(node, kind, found, seen)
            elif node.name.value not in seen:
                seen.add(node.name.value)
                self._collect_fragment(self._fragments[node.name.value], kind, found, seen)

    def _collect_fragment(self, node: Any, kind: Any, found: Selected, seen: set[str]) -> None:
        if node.type_condition and node.type_condition.name.value != kind.name:
            raise Unplannable("a fragment on another type")
        self._collect(node, kind, found, seen)

    def arguments(self, node: FieldNode, **kinds: type) -> dict[str, Argument]:
        """Return the arguments of a field. Raises Unplannable if one is unknown, or of another kind than in `kinds`."""
        found = {}
        for argument in node.arguments:
            name, value = argument.name.value, argument.value
            if name not in kinds:
                raise Unplannable(f"the argument {name}")
            if isinstance(value, VariableNode):
                found[name] = Argument(kinds[name], variable=value.name.value)
            elif LITERALS.get(type(value)) is kinds[name]:
                found[name] = Argument(kinds[name], literal=kinds[name](value.value))  # type: ignore[attr-defined]
            else:
                raise Unplannable(f"the value of {name}")
        self.page_sizes += [found["first"]] if "first" in found else []
        return found
