"""What an operation may cost: estimated before it runs, and counted while it runs.

The estimate is the number of rows and lists it may load. An object of a table costs 1, and so does a connection; a
list costs its length times what one of its rows costs. The length of a connection is its `first` or `last`, and 100
when neither is there; another list is taken for 100 rows at the root and for 10 below it. Whatever is no row (values,
edges, page infos) is free.

A list can be longer than it was taken for. So the values that go into the answer are counted too.
"""

from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionContext,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
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

from ecommerce.errors import DomainError
from ecommerce.graph.connections import MAX_PAGE, check_page_size
from ecommerce.graph.errors import TooComplex
from ecommerce.graph.limits import check_mutations, fragments_of, selections_of

MAX_COST = 50_000
MAX_VALUES = 250_000
LIST_LENGTH_AT_ROOT, LIST_LENGTH = 100, 10


def cost_of(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> int:
    """Return what an operation of a valid document costs.

    Raises TooComplex above MAX_COST or MAX_MUTATIONS, InvalidInput for a page size that is never served.
    """
    if operation.operation is OperationType.MUTATION:
        check_mutations(operation, fragments_of(document))
    root = schema.get_root_type(operation.operation)
    cost = _Estimate(schema, document, operation, variables).of_selection(operation, root, LIST_LENGTH_AT_ROOT)
    if cost > MAX_COST:
        raise TooComplex(f"cost is {cost}, max is {MAX_COST}", details={"cost": cost, "max": MAX_COST})
    return cost


class _Estimate:
    """The cost of the selections of one operation; each fragment is added up once for each length of its lists."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
    ) -> None:
        self.schema, self.variables, self.fragments = schema, variables, fragments_of(document)
        self.defaults = {node.variable.name.value: node.default_value for node in operation.variable_definitions or ()}
        self._known: dict[tuple[str, int], int] = {}

    def of_selection(self, node: Any, parent: Any, list_length: int) -> int:
        """Add up the fields of a selection; `list_length` is that of the lists in it that say nothing themselves."""
        total = 0
        for selection in selections_of(node):
            if isinstance(selection, FieldNode):
                total += self._of_field(selection, parent, list_length)
            elif isinstance(selection, FragmentSpreadNode):
                total += self._of_fragment(selection.name.value, list_length)
            else:
                condition = selection.type_condition
                inner = self.schema.get_type(condition.name.value) if condition else parent
                total += self.of_selection(selection, inner, list_length)
        return total

    def _of_fragment(self, name: str, list_length: int) -> int:
        key = (name, list_length)
        if key not in self._known:
            fragment = self.fragments[name]
            parent = self.schema.get_type(fragment.type_condition.name.value)
            self._known[key] = self.of_selection(fragment, parent, list_length)
        return self._known[key]

    def _of_field(self, node: FieldNode, parent: Any, list_length: int) -> int:
        definition = getattr(parent, "fields", {}).get(node.name.value)
        kind = get_named_type(definition.type) if definition else None
        if definition is None or not is_composite_type(kind):
            return 0
        is_connection = "first" in definition.args
        inner_length = self._page_size(node) if is_connection else LIST_LENGTH
        is_row = kind.name == "Node" or (
            isinstance(kind, GraphQLObjectType) and any(face.name == "Node" for face in kind.interfaces)
        )
        cost = int(is_row or is_connection) + self.of_selection(node, kind, inner_length)
        return cost * list_length if is_list_type(get_nullable_type(definition.type)) else cost

    def _page_size(self, node: FieldNode) -> int:
        asked = {argument.name.value: argument.value for argument in node.arguments}
        sizes = {name: self._number(asked[name]) for name in ("first", "last") if name in asked}
        for name, size in sizes.items():
            check_page_size(name, size)
        return max((size for size in sizes.values() if size is not None), default=MAX_PAGE)

    def _number(self, node: Any) -> int | None:
        """Return a number as execution will read it (50.0 is 50 there too), None for null and for what it refuses."""
        if isinstance(node, VariableNode):
            name = node.name.value
            if name not in self.variables:
                return self._number(self.defaults.get(name))
            value = self.variables[name]
            return int(value) if isinstance(value, int | float) and value == value // 1 else None
        return int(node.value) if isinstance(node, IntValueNode) else None


class CountedExecution(ExecutionContext):
    """graphql-core's execution, which ends when an answer grows beyond MAX_VALUES, or at the first fault in a query.

    What fails for one row by a fault fails for the next too: a database that hangs would be waited for once a row.
    """

    values = 0
    fault: Exception | None = None

    def execute_fields(self, parent_type: Any, source_value: Any, path: Any, fields: Any) -> Any:
        """Count the fields of one object, then do as ever. Raises TooComplex, and the fault."""
        if self.fault is not None:
            raise self.fault
        self.values += len(fields)
        if self.values > MAX_VALUES:
            raise TooComplex(f"The answer is too large: values max is {MAX_VALUES}")
        return super().execute_fields(parent_type, source_value, path, fields)

    def handle_field_error(self, error: GraphQLError, return_type: Any, path: Any) -> None:
        """Remember a fault, then do as ever."""
        cause = error.original_error
        is_fault = cause is not None and not isinstance(cause, GraphQLError | DomainError)
        if is_fault and self.operation.operation is OperationType.QUERY:
            self.fault = self.fault or cause
        super().handle_field_error(error, return_type, path)
