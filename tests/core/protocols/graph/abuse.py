"""Documents that ask for too much, and the largest that do not."""

# One attack a line, for its table to be read as one.
# ruff: noqa: E501
# fmt: off

import json
from typing import Any

from core.protocols.graph.limits import MAX_COUNTS


def many(count: int, text: str) -> str:
    """Repeat a text, with its number in place of the hash sign."""
    return " ".join(text.replace("#", str(n)) for n in range(count))


def nested(count: int, opening: str, closing: str = "}", inside: str = "id") -> str:
    return opening * count + inside + closing * count


def fragments(count: int, spreads: int, *, forward: bool) -> str:
    """Make fragments each of which uses the next ones: in a ring, or only those after it."""
    definitions = []
    for n in range(count):
        names = [n + 1 + k for k in range(spreads) if n + 1 + k < count or not forward]
        definitions.append(
            f"fragment f{n} on Query {{ __typename {' '.join(f'...f{name % count}' for name in names)} }}"
        )
    return "{ ...f0 } " + " ".join(definitions)


SIGN_IN = 'obtainToken(username: "ada", password: "wrong") { access }'
PLACE = "mutation($items: [OrderItemInput!]!) { placeOrder(items: $items) { ok } }"
PAGE = "query($n: Int) { allProducts(first: $n) { edges { node { id } } } }"
DEEP = '{"query": "{ __typename }", "variables": {"a": %s}}'
BOMB = " ".join(f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(23))
ABUSE: dict[str, tuple[Any, str, str]] = {
    # The document: a text, or a whole body in a list; the code; what the message says.
    "circular, 40 deep": ("{ me {" + nested(20, "orders { user { ", "} }") + "} }", "TOO_COMPLEX", "depth max is 10"),
    "circular, 11 deep": ("{ me { orders { user {" + nested(8, "orders { user { ", "} }") + "} } } }", "TOO_COMPLEX", "depth"),
    "deep through fragments": (
        "{ me { ...a } } fragment a on User { orders { user { ...b } } } fragment b on User { orders { user { ...c } } } "
        "fragment c on User { orders { user { orders { user { orders { user { id } } } } } } }",
        "TOO_COMPLEX",
        "depth max is 10",
    ),
    "orders of the user of orders of the user of orders": ("{ me { orders { user { orders { user { pk } } } } } }", "TOO_COMPLEX", "User nests in User more than once"),
    "the same through fragments and pages": ("{ order(id: 1) { ...a } } fragment a on Order { user { ordersConnection(first: 1) { edges { node { ...b } } } } } fragment b on Order { user { orders { pk } } }", "TOO_COMPLEX", "Order nests in Order more than once"),
    "3,000 aliases": ("{" + many(3000, "a#: me { id }") + "}", "TOO_COMPLEX", "characters max is 15000"),
    "16 aliases": ("{" + many(16, "a#: __typename") + "}", "TOO_COMPLEX", "aliases max is 15"),
    "500 repeated fields": ("{" + many(500, "__typename") + "}", "TOO_COMPLEX", "fields max is 150"),
    "500 repeated objects": ("{" + many(500, "me { id }") + "}", "TOO_COMPLEX", "more than 1000 tokens"),
    "3,000 directives": ("{ __typename " + many(3000, "@a") + "}", "TOO_COMPLEX", "more than 1000 tokens"),
    "21 directives": ("{" + many(21, "__typename @skip(if: false)") + "}", "TOO_COMPLEX", "directives max is 20"),
    "2,000 variables": (f"query({many(2000, '$v: Int')}) {{ __typename }}", "TOO_COMPLEX", "characters"),
    "51 variables": (f"query({many(51, '$v#: Int')}) {{ __typename }}", "TOO_COMPLEX", "variables max is 50"),
    "300 mutually spread fragments": (fragments(300, 299, forward=False), "TOO_COMPLEX", "characters"),
    "30 mutually spread fragments": (fragments(30, 12, forward=False), "TOO_COMPLEX", "fragments max is 50"),
    "60 fragments, each using the next five": (fragments(60, 5, forward=True), "TOO_COMPLEX", "fragments max is 50"),
    "fragment cycle": ("{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }", "INVALID_INPUT", "within itself"),
    "fragment cycle through fields": ("{ me { ...a } } fragment a on User { orders { user { ...a } } }", "INVALID_INPUT", "itself"),
    "fragments doubled 23 times over rows": (
        "{ ...f0 } " + BOMB + " fragment f23 on Query { allProducts { edges { node { id } } } }",
        "TOO_COMPLEX",
        "cost is",
    ),
    "fragments doubled 23 times over mutations": (
        "mutation { ...f0 } " + BOMB.replace("Query", "Mutation") + " fragment f23 on Mutation {" + many(11, f"a#: {SIGN_IN}") + "}",
        "TOO_COMPLEX",
        "mutations max is 10",
    ),
    "first: 1.5": ("{ allProducts(first: 1.5) { edges { node { id } } } }", "INVALID_INPUT", "non-integer"),
    'first: "5"': ('{ allProducts(first: "5") { edges { node { id } } } }', "INVALID_INPUT", "non-integer"),
    "first beyond 32 bits": ("{ allProducts(first: 99999999999) { totalCount } }", "INVALID_INPUT", "32-bit"),
    **{
        f"first: {value!r} by a variable": ([{"query": PAGE, "variables": {"n": value}}], "INVALID_INPUT", None)
        for value in (1.5, "5", True, [5], {}, 10**12, 10**400)
    },
    "rows of pages of rows": (
        "{ allUsers { edges { node { ordersConnection { edges { node { items { product { id } } } } } } } } }",
        "TOO_COMPLEX",
        "cost is 210201, max is 50000",
    ),
    "array batch of 10": ([[{"query": "{ __typename }"}] * 10], "INVALID_INPUT", "batches are not supported"),
    "JSON 100,000 deep": ([DEEP % nested(100_000, "[", "]", "")], "TOO_COMPLEX", "at most 20000 objects and lists"),
    "JSON 15,000 deep": ([DEEP % nested(15_000, "[", "]", "")], "INVALID_INPUT", "nested too deep"),
    "JSON objects 15,000 deep": ([DEEP % nested(15_000, '{"a":', "}", "1")], "INVALID_INPUT", "nested too deep"),
    "variables 21 deep": ([DEEP % nested(21, "[", "]", "")], "TOO_COMPLEX", "variables depth max is 20"),
    "a million lists": ([DEEP % ("[" + "[]," * 300_000 + "[]]")], "TOO_COMPLEX", "objects and lists"),
    "body of 2 MB": ([DEEP % ('"' + "x" * 2_000_000 + '"')], "TOO_LARGE", "Body max is 1000000 bytes"),
    "deep lists in a variable": (
        [{"query": PLACE, "variables": {"items": json.loads(nested(15, "[", "]", "1"))}}],
        "INVALID_INPUT",
        "OrderItemInput",
    ),
    "deep list literal": ("{ allProducts(q: " + nested(400, "[", "]", "") + ") { totalCount } }", "TOO_COMPLEX", "nested too deep"),
    "deep object literal": ("{ allProducts(q: " + nested(190, "{a:", "}", "1") + ") { totalCount } }", "INVALID_INPUT", None),
    "20 aliased sign-ins": ("mutation {" + many(20, f"a#: {SIGN_IN}") + "}", "TOO_COMPLEX", "aliases max is 15"),
    "11 sign-ins": ("mutation {" + many(11, f"a#: {SIGN_IN}") + "}", "TOO_COMPLEX", "mutations max is 10"),
    "11 mutations in fragments": (
        "mutation { ...a ...b } fragment a on Mutation {" + many(6, f"a#: {SIGN_IN}") + "} fragment b on Mutation {"
        + many(5, f"b#: {SIGN_IN}") + "}",
        "TOO_COMPLEX",
        "mutations max is 10",
    ),
    "circular introspection": (
        "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
        "TOO_COMPLEX",
        "introspection depth",
    ),
    "circular introspection in fragments": (
        "{ __schema { types { ...a } } } fragment a on __Type { fields { type { ...b } } } "
        "fragment b on __Type { fields { type { fields { name } } } }",
        "TOO_COMPLEX",
        "introspection depth",
    ),
    "introspection three times": ("{ a: __schema { description } b: __schema { description } c: __schema { description } }", "TOO_COMPLEX", "introspections max is 2"),
    "introspection of aliases": ("{ __schema { a: types { name } b: types { name } } }", "TOO_COMPLEX", "introspections max is 2"),
    "introspection of aliases in a fragment": (
        "{ __schema { types { ...t } } } fragment t on __Type { a: fields { name } b: fields { name } }",
        "TOO_COMPLEX",
        "introspections max is 2",
    ),
    "huge document": ("{ __typename " + " " * 15_000 + "}", "TOO_COMPLEX", "characters max is 15000"),
    "document of 0.9 MB": ("{ __typename " + " " * 900_000 + "}", "TOO_COMPLEX", "characters max is 15000"),
    "1,001 tokens": ("{" + many(999, "a") + "}", "TOO_COMPLEX", "more than 1000 tokens"),
    "comments": ("{ __typename " + "#\n" * 1_200 + "}", "TOO_COMPLEX", "more than 1000 tokens"),
    "inline fragments, 199 deep": ("{" + nested(199, "... { ", "} ", "__typename") + "}", "TOO_COMPLEX", "fragments max is 50"),
    "inline fragments, 250 deep": ("{" + nested(250, "... { ", "} ", "__typename") + "}", "TOO_COMPLEX", "nested too deeply"),
    "half a surrogate": (r'{ searchProducts(query: "\uD800") { id } }', "INVALID_INPUT", "Unicode escape"),
    "beyond Unicode": (r'{ searchProducts(query: "\u{110000}") { id } }', "INVALID_INPUT", "Unicode escape"),
    "no character": ("{ \ud800 }", "INVALID_INPUT", "Invalid character"),
}

ALLOWED = {
    "as many fields as may be": "{" + many(MAX_COUNTS["fields"], "__typename") + "}",
    "as many repeated objects as may be": "{" + many(MAX_COUNTS["fields"] // 2, "me { id }") + "}",
    "as many fragments as may be": "{" + many(25, "...f#") + "} " + many(25, "fragment f# on Query { ...g#} fragment g# on Query { me { id } }"),
    "as many inline fragments as may be": "{ product(id: 1) {" + many(50, "... { name stock }") + "} }",
    "fragments that use each other": "{ ...f0 } " + " ".join(
        f"fragment f{n} on Query {{ me {{ id pk email }} {' '.join(f'...f{k}' for k in range(n + 1, 10))} }}" for n in range(10)
    ),
    "fragments doubled 24 times": "{ ...f0 } " + BOMB + " fragment f23 on Query { __typename }",
    "mutations doubled 23 times": "mutation { ...f0 } " + BOMB.replace("Query", "Mutation") + " fragment f23 on Mutation { " + SIGN_IN + " }",
    "a thousand tokens": "{ allProducts(q: " + '"x"' + ") { totalCount } " + many(980, "") + "}",
    "comments": "{ __typename " + "# x\n" * 900 + "}",
    "inline fragments, 50 deep": "{" + nested(50, "... { ", "} ", "__typename") + "}",
    "a long name": "{ " + "a" * 14_000 + ": __typename }",
    "long unicode escapes": '{ searchProducts(query: "' + r"\u{41}" * 200 + '") { id } }',
}
