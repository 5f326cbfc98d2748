"""What a document may ask for, looked at before anything runs.

The cost of an operation is the number of rows it may load: an object of a table costs 1, and a list costs its length
times what one of its rows costs. The length of a connection is its `first` or `last`, and 100 when neither is there;
another list is taken for 100 rows at the root and for 10 below it. Whatever is no row (values, edges, page infos)
is free.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    IntValueNode,
    Node,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

from ecommerce.graph.connections import MAX_PAGE, check_page_size
from ecommerce.graph.errors import TooComplex

MAX_CHARACTERS = 15_000
MAX_TOKENS = 1_000
MAX_DEPTH = 10
MAX_COST = 50_000
MAX_MUTATIONS = 10
MAX_COUNTS = {"fields": 200, "aliases": 15, "directives": 20}
LIST_LENGTH_AT_ROOT, LIST_LENGTH = 100, 10
INTROSPECTION = ("__schema", "__type")  # how deep these go is for graphql-core's MaxIntrospectionDepthRule

Fragments = Mapping[str, FragmentDefinitionNode]


def check_shape(document: DocumentNode) -> None:
    """Raise TooComplex for too many fields, aliases or directives, or too deep a nesting, of any document."""
    counts = Counter(dict.fromkeys(MAX_COUNTS, 0))
    stack: list[Any] = list(document.definitions)
    while stack:
        node = stack.pop()
        counts["directives"] += len(getattr(node, "directives", None) or ())
        if isinstance(node, FieldNode):
            counts["fields"] += 1
            counts["aliases"] += node.alias is not None
        stack += _selections(node)
    for name, limit in MAX_COUNTS.items():
        if counts[name] > limit:
            raise TooComplex(f"{name} max is {limit}")
    fragments, known = fragments_of(document), {}
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if max((_depth(operation, fragments, known) for operation in operations), default=0) > MAX_DEPTH:
        raise TooComplex(f"depth max is {MAX_DEPTH}")


def fragments_of(document: DocumentNode) -> Fragments:
    return {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}


def _selections(node: Any) -> tuple[Any, ...]:
    selection_set = getattr(node, "selection_set", None)
    return tuple(selection_set.selections) if selection_set else ()


def _depth(node: Node, fragments: Fragments, known: dict[str, int]) -> int:
    deepest = 0
    for selection in _selections(node):
        if isinstance(selection, FragmentSpreadNode):
            deepest = max(deepest, _depth_of_fragment(selection.name.value, fragments, known))
        elif not isinstance(selection, FieldNode):
            deepest = max(deepest, _depth(selection, fragments, known))
        elif selection.name.value not in INTROSPECTION:
            deepest = max(deepest, 1 + _depth(selection, fragments, known))
    return deepest


def _depth_of_fragment(name: str, fragments: Fragments, known: dict[str, int]) -> int:
    if name not in known:
        known[name] = 0  # ends a cycle, which validation refuses
        known[name] = _depth(fragments[name], fragments, known) if name in fragments else 0
    return known[name]


def check_mutations(operation: OperationDefinitionNode, fragments: Fragments) -> None:
    """Raise TooComplex for too many mutations in one request."""
    if operation.operation is OperationType.MUTATION:
        count = sum(1 for _ in _fields(operation, fragments))
        if count > MAX_MUTATIONS:
            raise TooComplex(f"mutations max is {MAX_MUTATIONS} a request")


def _fields(node: Any, fragments: Fragments) -> Iterator[FieldNode]:
    """Yield the fields of a selection, those of its fragments included."""
    for selection in _selections(node):
        if isinstance(selection, FieldNode):
            yield selection
        elif isinstance(selection, FragmentSpreadNode):
            yield from _fields(fragments[selection.name.value], fragments)
        else:
            yield from _fields(selection, fragments)


class Cost:
    """The cost of one operation of a valid document."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self.schema, self.variables = schema, variables
        self.fragments = fragments_of(document)
        self._known: dict[tuple[str, int], int] = {}

    def of(self, operation: OperationDefinitionNode) -> int:
        """Add it up. Raises InvalidInput for a page size that is never served, TooComplex above MAX_COST."""
        defaults = {
            node.variable.name.value: int(node.default_value.value)
            for node in operation.variable_definitions or ()
            if isinstance(node.default_value, IntValueNode)
        }
        self.variables = {**defaults, **self.variables}
        root = self.schema.get_root_type(operation.operation)
        cost = self._of_selection(operation, root, LIST_LENGTH_AT_ROOT)
        if cost > MAX_COST:
            raise TooComplex(f"cost is {cost}, max is {MAX_COST}", details={"cost": cost, "max": MAX_COST})
        return cost

    def _of_selection(self, node: Any, parent: Any, list_length: int) -> int:
        total = 0
        for selection in _selections(node):
            if isinstance(selection, FieldNode):
                total += self._of_field(selection, parent, list_length)
            elif isinstance(selection, FragmentSpreadNode):
                total += self._of_fragment(selection.name.value, list_length)
            else:
                condition = selection.type_condition
                inner = self.schema.get_type(condition.name.value) if condition else parent
                total += self._of_selection(selection, inner, list_length)
        return total

    def _of_fragment(self, name: str, list_length: int) -> int:
        key = (name, list_length)
        if key not in self._known:
            fragment = self.fragments[name]
            parent = self.schema.get_type(fragment.type_condition.name.value)
            self._known[key] = self._of_selection(fragment, parent, list_length)
        return self._known[key]

    def _of_field(self, node: FieldNode, parent: Any, list_length: int) -> int:
        definition: GraphQLField | None = getattr(parent, "fields", {}).get(node.name.value)
        kind = get_named_type(definition.type) if definition else None
        if definition is None or not is_composite_type(kind):
            return 0
        is_connection = "first" in definition.args
        inner_length = self._page_size(node) if is_connection else LIST_LENGTH
        is_row = isinstance(kind, GraphQLObjectType) and any(face.name == "Node" for face in kind.interfaces)
        cost = int(is_row or kind.name == "Node") + self._of_selection(node, kind, inner_length)
        return cost * list_length if is_list_type(get_nullable_type(definition.type)) else cost

    def _page_size(self, node: FieldNode) -> int:
        asked = {argument.name.value: self._value(argument.value) for argument in node.arguments}
        sizes = {name: asked[name] for name in ("first", "last") if isinstance(asked.get(name), int)}
        for name, size in sizes.items():
            check_page_size(name, size)
        return max(sizes.values(), default=MAX_PAGE)

    def _value(self, node: Any) -> Any:
        if isinstance(node, VariableNode):
            return self.variables.get(node.name.value)
        return int(node.value) if isinstance(node, IntValueNode) else None
