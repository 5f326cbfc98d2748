"""The cost of an operation, estimated before it runs.

The cost is the number of rows and pages that the operation may load. A row costs 1, and so does a connection. A list
costs its length times the cost of one of its rows. The length of a connection is its `first` or `last`, or 100 if
neither is set. Other lists count as 100 rows at the root and as 10 rows below it. Other objects and values (edges, page
infos) are free.

A list can be longer than its estimate. If lists nest in each other without bound (orders of the user of an order), the
real cost can exceed any estimate. So rows of a type may nest in rows of the same type only once.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    IntValueNode,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

from core.errors import TooComplex
from core.lists.keyset import MAX_PER_PAGE
from core.protocols.graph.limits import check_mutations, check_subscription, fragments_of, selections_of

MAX_COST = 50_000
MAX_NESTED = 2  # rows of one type on a path from the root to a leaf
LIST_LENGTH_AT_ROOT, LIST_LENGTH = 100, 10


class Estimate(NamedTuple):
    """The cost, and for each row type the greatest number of its occurrences on one path from the root to a leaf."""

    cost: int
    nested: Counter[str]


def cost_of(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, object]
) -> int:
    """Return the cost of an operation of a valid document; for a subscription, the cost of each event.

    Raises TooComplex above MAX_COST, MAX_NESTED or MAX_MUTATIONS. Raises InvalidInput if a directive could remove the
    field of a subscription.
    """
    if operation.operation is OperationType.MUTATION:
        check_mutations(operation, fragments_of(document))
    elif operation.operation is OperationType.SUBSCRIPTION:
        check_subscription(operation, fragments_of(document))
    root = schema.get_root_type(operation.operation)
    cost, nested = _Estimator(schema, document, operation, variables).of_selection(operation, root, LIST_LENGTH_AT_ROOT)
    if cycles := [name for name, times in nested.items() if times > MAX_NESTED]:
        raise TooComplex(f"{cycles[0]} nests in {cycles[0]} more than once")
    if cost > MAX_COST:
        raise TooComplex(f"cost is {cost}, max is {MAX_COST}", details={"cost": cost, "max": MAX_COST})
    return cost


class _Estimator:
    """Estimates each fragment once for each list length that it is used with."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
    ) -> None:
        self.schema, self.variables, self.fragments = schema, variables, fragments_of(document)
        self.defaults = {node.variable.name.value: node.default_value for node in operation.variable_definitions or ()}
        self._known: dict[tuple[str, int], Estimate] = {}

    def of_selection(self, node: object, parent: object, list_length: int) -> Estimate:
        """Add up the parts of a selection; `list_length` is the assumed length of lists without `first` and `last`."""
        cost, nested = 0, Counter[str]()
        for selection in selections_of(node):
            selected = self._of_selection_node(selection, parent, list_length)
            cost, nested = cost + selected.cost, nested | selected.nested
        return Estimate(cost, nested)

    def _of_selection_node(self, node: Any, parent: Any, list_length: int) -> Estimate:
        if isinstance(node, FieldNode):
            return self._of_field(node, parent, list_length)
        if isinstance(node, FragmentSpreadNode):
            return self._of_fragment(node.name.value, list_length)
        condition = node.type_condition
        return self.of_selection(node, self.schema.get_type(condition.name.value) if condition else parent, list_length)

    def _of_fragment(self, name: str, list_length: int) -> Estimate:
        key = (name, list_length)
        if key not in self._known:
            fragment = self.fragments[name]
            parent = self.schema.get_type(fragment.type_condition.name.value)
            self._known[key] = self.of_selection(fragment, parent, list_length)
        return self._known[key]

    def _of_field(self, node: FieldNode, parent: object, list_length: int) -> Estimate:
        definition: Any = getattr(parent, "fields", {}).get(node.name.value)
        kind = get_named_type(definition.type) if definition else None
        if definition is None or kind is None or not is_composite_type(kind):
            return Estimate(0, Counter())
        is_connection = "first" in definition.args
        inside = self.of_selection(node, kind, self._page_size(node) if is_connection else LIST_LENGTH)
        cost = inside.cost + int(is_connection or _is_row(kind))
        times = list_length if is_list_type(get_nullable_type(definition.type)) else 1
        return Estimate(cost * times, inside.nested + Counter([kind.name]) if _is_row(kind) else inside.nested)

    def _page_size(self, node: FieldNode) -> int:
        asked = {argument.name.value: argument.value for argument in node.arguments}
        sizes = [self._number(asked[name]) for name in ("first", "last") if name in asked]
        # A size out of bounds loads no rows: the field refuses it, after it has checked the caller.
        return max((min(max(size, 0), MAX_PER_PAGE) for size in sizes if size is not None), default=MAX_PER_PAGE)

    def _number(self, node: object) -> int | None:
        """Return a number as graphql-core reads it (50.0 is 50); None if it is null or not an integer."""
        if isinstance(node, VariableNode):
            name = node.name.value
            if name not in self.variables:
                return self._number(self.defaults.get(name))
            value = self.variables[name]
            return int(value) if isinstance(value, int | float) and value == value // 1 else None
        return int(node.value) if isinstance(node, IntValueNode) else None


def _is_row(kind: Any) -> bool:
    return kind.name == "Node" or (
        isinstance(kind, GraphQLObjectType) and any(face.name == "Node" for face in kind.interfaces)
    )
