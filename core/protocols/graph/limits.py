"""Limits on the form of a request, checked before its document is validated and executed.

With these limits, parsing and validation of the worst accepted document take less than 50 ms. Validation compares
fields and fragments with each other, so its time grows with the square of their number.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from graphql import DocumentNode, FieldNode, FragmentDefinitionNode, FragmentSpreadNode, OperationDefinitionNode

from core.errors import InvalidInput, TooComplex, TooLarge

MAX_BODY_BYTES = 1_000_000
MAX_JSON_DEPTH = 20  # of the variables
MAX_CHARACTERS = 15_000
MAX_TOKENS = 1_000
MAX_DEPTH = 10
MAX_MUTATIONS = 10
MAX_COUNTS = {
    "fields": 150,
    "aliases": 15,
    "fragments": 50,  # uses of fragments, including inline fragments
    "directives": 20,
    "variables": 50,
    "introspections": 2,  # __schema and __type; each alias below them counts too, because it requests a node again
}
INTROSPECTION = ("__schema", "__type")  # graphql-core's MaxIntrospectionDepthRule limits their depth

Fragments = Mapping[str, FragmentDefinitionNode]


def check_body(body: bytes) -> None:
    """Raise TooLarge if a body is longer than MAX_BODY_BYTES."""
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge(f"Body max is {MAX_BODY_BYTES} bytes")


def check_variables(variables: Mapping[str, Any]) -> None:
    """Raise TooComplex if variables nest deeper than MAX_JSON_DEPTH."""
    level: list[Any] = [variables]
    for _ in range(MAX_JSON_DEPTH):
        inside: list[Any] = []
        for outer in level:
            for inner in outer.values() if isinstance(outer, dict) else outer:
                if isinstance(inner, dict | list):
                    inside.append(inner)  # noqa: PERF401  # a loop: each comprehension is a call
        if not inside:
            return
        level = inside
    raise TooComplex(f"variables depth max is {MAX_JSON_DEPTH}")


def check_shape(document: DocumentNode) -> None:
    """Raise TooComplex if a document, valid or not, exceeds MAX_COUNTS or MAX_DEPTH."""
    counts = _counts(document)
    for name, limit in MAX_COUNTS.items():
        if counts[name] > limit:
            raise TooComplex(f"{name} max is {limit}")
    fragments = fragments_of(document)
    known: dict[str, int] = {}
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if max((_depth(operation, fragments, known) for operation in operations), default=0) > MAX_DEPTH:
        raise TooComplex(f"depth max is {MAX_DEPTH}")


def _counts(document: DocumentNode) -> Counter[str]:
    counts: Counter[str] = Counter()
    stack = [(node, _is_about_introspection(node)) for node in document.definitions]
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


def _is_about_introspection(node: object) -> bool:
    return isinstance(node, FragmentDefinitionNode) and node.type_condition.name.value.startswith("__")


def fragments_of(document: DocumentNode) -> Fragments:
    return {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}


def selections_of(node: object) -> tuple[Any, ...]:
    selection_set = getattr(node, "selection_set", None)
    return tuple(selection_set.selections) if selection_set else ()


def _depth(node: object, fragments: Fragments, known: dict[str, int]) -> int:
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
        known[name] = 0  # ends the recursion in a cycle, which validation refuses later
        known[name] = _depth(fragments[name], fragments, known) if name in fragments else 0
    return known[name]


def check_mutations(operation: OperationDefinitionNode, fragments: Fragments) -> None:
    """Raise TooComplex if an operation of a valid document has too many mutations."""
    nodes = parts_at_root(operation, fragments)
    names = {(node.alias or node.name).value for node in nodes if isinstance(node, FieldNode)}
    if len(names) > MAX_MUTATIONS:
        raise TooComplex(f"mutations max is {MAX_MUTATIONS} a request")


def check_subscription(operation: OperationDefinitionNode, fragments: Fragments) -> None:
    """Raise InvalidInput if a directive could remove the one field of a valid subscription: it would have no events.

    GraphQL's specification forbids that too, and graphql-core 3.2 fails on it.
    """
    if any(node.directives for node in parts_at_root(operation, fragments)):
        raise InvalidInput("The field of a subscription must not have a directive")


def parts_at_root(operation: OperationDefinitionNode, fragments: Fragments) -> Iterator[Any]:
    """Yield the fields at the root of an operation of a valid document, and the fragments that contain them.

    Each fragment is expanded once, even if it is used many times.
    """
    waiting: list[Any] = [operation]
    seen: set[str] = set()
    while waiting:
        for node in selections_of(waiting.pop()):
            yield node
            if not isinstance(node, FragmentSpreadNode):
                waiting += [] if isinstance(node, FieldNode) else [node]
            elif node.name.value not in seen:
                seen.add(node.name.value)
                waiting.append(fragments[node.name.value])
