"""The selections of a query, read as graphql-core reads them: fragments are expanded, arguments are bound later."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from graphql import (
    BooleanValueNode,
    DocumentNode,
    FieldNode,
    FloatValueNode,
    FragmentSpreadNode,
    IntValueNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    StringValueNode,
    VariableNode,
)

from core.plans.columns import Unplannable
from core.protocols.graph.limits import MAX_COUNTS, fragments_of, selections_of

LITERALS: Mapping[type[Any], tuple[type, ...]] = {  # the types of arguments that each literal can be a value of
    IntValueNode: (int, float),
    FloatValueNode: (float,),
    StringValueNode: (str,),
    BooleanValueNode: (bool,),
}
INT32 = range(-(2**31), 2**31)

Selected = dict[str, list[FieldNode]]  # the fields of one object, by their names in the response


class Fallback(Exception):
    """graphql-core must execute this request: its values are not those that a plan expects."""


class Argument(NamedTuple):
    """An argument of a field: a literal, or the value of a variable."""

    kind: type
    literal: Any = None
    variable: str | None = None
    is_optional: bool = False  # if the variable is null or missing, the argument is left out

    def value(self, variables: Mapping[str, Any]) -> Any:
        """Return the value. Raises Fallback if it is of another type, or if it is missing or null but not optional."""
        if self.variable is None:
            return self.literal
        value = variables.get(self.variable)
        if value is None and self.is_optional:
            return None
        if type(value) is int and self.kind in (int, float) and value in INT32:
            return self.kind(value)
        if type(value) is not self.kind or self.kind is int:
            raise Fallback
        return value


class Selections:
    """Reads the selections of a valid document, for one plan."""

    def __init__(self, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self._fragments = fragments_of(document)
        self._optional_variables = {
            each.variable.name.value
            for each in operation.variable_definitions or ()
            if each.default_value is None and not isinstance(each.type, NonNullTypeNode)
        }
        self._fields_left = MAX_COUNTS["fields"]  # fragments can repeat fields without bound
        self.page_sizes: list[Argument] = []  # the values of `first` and `last` so far: the cost depends on them

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

    def arguments(
        self, node: FieldNode, optional: Mapping[str, type] | None = None, **required: type
    ) -> dict[str, Argument]:
        """Return the arguments of a field. Raises Unplannable if one is unknown, or of another type than stated."""
        kinds, found = {**(optional or {}), **required}, {}
        for argument in node.arguments:
            name, value = argument.name.value, argument.value
            if name not in kinds:
                raise Unplannable(f"the argument {name}")
            if isinstance(value, VariableNode):
                variable = value.name.value
                is_optional = name not in required and variable in self._optional_variables
                found[name] = Argument(kinds[name], variable=variable, is_optional=is_optional)
            elif kinds[name] in LITERALS.get(type(value), ()):
                found[name] = Argument(kinds[name], literal=kinds[name](value.value))  # type: ignore[attr-defined]
            else:
                raise Unplannable(f"the value of {name}")
        self.page_sizes += [found[name] for name in ("first", "last") if name in found]
        return found
