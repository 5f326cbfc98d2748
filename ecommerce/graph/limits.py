"""What a request may look like, checked before anything of it is validated or runs.

The limits keep the worst document that passes them under 50 ms of parsing and validation: fields and fragments are
compared with each other, which takes their number squared.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from graphql import DocumentNode, FieldNode, FragmentDefinitionNode, FragmentSpreadNode, OperationDefinitionNode

from ecommerce.errors import InvalidInput, TooLarge
from ecommerce.graph.errors import TooComplex

MAX_BODY_BYTES = 1_000_000
MAX_JSON_CONTAINERS = 20_000  # objects and lists, counted by their brackets: a million of them take a second to read
MAX_JSON_DEPTH = 20  # of the variables
MAX_CHARACTERS = 15_000
MAX_TOKENS = 1_000
MAX_DEPTH = 10
MAX_MUTATIONS = 10
MAX_COUNTS = {
    "fields": 150,
    "aliases": 15,
    "fragments": 50,  # wherever one is used, the inline ones included
    "directives": 20,
    "variables": 50,
    "introspections": 2,  # __schema and __type, and each alias below them, which asks for a part again
}
INTROSPECTION = ("__schema", "__type")  # how deep these go is for graphql-core's MaxIntrospectionDepthRule

Fragments = Mapping[str, FragmentDefinitionNode]


def check_body(body: bytes) -> None:
    """Raise TooLarge, or TooComplex for JSON that would take long to read."""
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge(f"Body max is {MAX_BODY_BYTES} bytes")
    if body.count(b"[") + body.count(b"{") > MAX_JSON_CONTAINERS:
        raise TooComplex(f"objects and lists max is {MAX_JSON_CONTAINERS}")


def check_variables(variables: Mapping[str, Any]) -> None:
    """Raise TooComplex for variables that nest too deep."""
    level: list[Any] = [variables]
    for _ in range(MAX_JSON_DEPTH):
        insides = (outer.values() if isinstance(outer, dict) else outer for outer in level)
        level = [inner for inside in insides for inner in inside if isinstance(inner, dict | list)]
    if level:
        raise TooComplex(f"variables depth max is {MAX_JSON_DEPTH}")


def check_shape(document: DocumentNode) -> None:
    """Raise TooComplex for too many fields, aliases and so on, or too deep a nesting, of any document."""
    counts = _counts(document)
    for name, limit in MAX_COUNTS.items():
        if counts[name] > limit:
            raise TooComplex(f"{name} max is {limit}")
    fragments, known = fragments_of(document), {}
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if max((_depth(operation, fragments, known) for operation in operations), default=0) > MAX_DEPTH:
        raise TooComplex(f"depth max is {MAX_DEPTH}")


def _counts(document: DocumentNode) -> Counter[str]:
    counts: Counter[str] = Counter()
    stack = [(node, _is_of_introspection(node)) for node in document.definitions]
    while stack:
        node, inside = stack.pop()
        counts["directives"] += len(getattr(node, "directives", None) or ())
        if isinstance(node, FieldNode):
            is_aliased, is_start = node.alias is not None, node.name.value in INTROSPECTION
            counts["fields"] += 1
            counts["aliases"] += is_aliased
            counts["introspections"] += is_start or (inside and is_aliased)
            inside = inside or is_start
        elif isinstance(node, OperationDefinitionNode):
            counts["variables"] += len(node.variable_definitions or ())
        else:
            counts["fragments"] += not isinstance(node, FragmentDefinitionNode)
        stack += [(inner, inside) for inner in selections_of(node)]
    return counts


def _is_of_introspection(node: Any) -> bool:
    return isinstance(node, FragmentDefinitionNode) and node.type_condition.name.value.startswith("__")


def fragments_of(document: DocumentNode) -> Fragments:
    return {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}


def selections_of(node: Any) -> tuple[Any, ...]:
    selection_set = getattr(node, "selection_set", None)
    return tuple(selection_set.selections) if selection_set else ()


def _depth(node: Any, fragments: Fragments, known: dict[str, int]) -> int:
    deepest = 0
    for selection in selections_of(node):
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
    """Raise TooComplex for too many mutations in one operation of a valid document."""
    parts = parts_at_root(operation, fragments)
    names = {(part.alias or part.name).value for part in parts if isinstance(part, FieldNode)}
    if len(names) > MAX_MUTATIONS:
        raise TooComplex(f"mutations max is {MAX_MUTATIONS} a request")


def check_subscription(operation: OperationDefinitionNode, fragments: Fragments) -> None:
    """Raise InvalidInput when the one field of a valid subscription may be left out: there is nothing to follow then.

    GraphQL's specification refuses that too, and graphql-core 3.2 fails on it.
    """
    if any(part.directives for part in parts_at_root(operation, fragments)):
        raise InvalidInput("The field of a subscription takes no directive")


def parts_at_root(operation: OperationDefinitionNode, fragments: Fragments) -> Iterator[Any]:
    """Yield the fields at the root of an operation of a valid document, and the fragments that lead to them.

    Each fragment is looked into once, however often it is used.
    """
    waiting: list[Any] = [operation]
    seen: set[str] = set()
    while waiting:
        for part in selections_of(waiting.pop()):
            yield part
            if not isinstance(part, FragmentSpreadNode):
                waiting += [] if isinstance(part, FieldNode) else [part]
            elif part.name.value not in seen:
                seen.add(part.name.value)
                waiting.append(fragments[part.name.value])
