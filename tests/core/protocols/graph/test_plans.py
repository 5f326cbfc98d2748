"""A plan's result is graphql-core's, and its statements are as few."""

import random
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from django.contrib.auth.models import AnonymousUser
from graphql import get_nullable_type, get_operation_ast, is_leaf_type

from catalog.models import MAX_PRICE
from core.plans.columns import Unplannable
from core.protocols.graph import cost
from core.protocols.graph.cost import cost_of
from core.protocols.graph.documents import MAX_CACHED, prepared
from core.protocols.graph.execution import run
from core.protocols.graph.plans import levels, query_plan
from core.protocols.graph.plans.plan_cache import PlanCache
from core.protocols.graph.plans.query_plan import QueryPlan
from core.protocols.graph.served_schema import served_schema
from core.runtime import singleton
from orders.models import Order
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.graph import Graph, statements

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unlimited")]
RELATIONS = {
    "User": {"orders": "Order"},
    "Order": {"items": "OrderItem", "user": "User"},
    "OrderItem": {"product": "Product"},
}
PAGE_INFO = ("hasNextPage", "hasPreviousPage", "startCursor", "endCursor", "__typename")
SORTS = {
    "allProducts": ("id", "-name", "price", "-price", "stock", "created_at", "-updated_at"),
    "allUsers": ("-id", "email"),
    "allOrders": (),
}
FILTERS: dict[str, dict[str, tuple[str, tuple[Any, ...]]]] = {
    "allProducts": {
        "q": ("String", ("te", "Zoë", "", "100%", "x" * 201, None)),
        "sku": ("String", ("t-1", "none", None)),
        "minPrice": ("Float", (0, 1, 0.1, 5.0, -1, 1e30, 0.001, None)),
        "maxPrice": ("Float", (10, 9.5, 99999999.99, None)),
        "inStock": ("Boolean", (True, False, None)),
        "lowStock": ("Boolean", (True, False, None)),
        "category": ("String", ("home", "nothing", "9" * 12, None)),
    },
    "allOrders": {
        "status": ("String", ("pending", "delivered", "PENDING", "", None)),
        "createdFrom": ("String", ("2026-01-01", "0001-01-01", "today", None)),
        "createdTo": ("String", ("2026-01-01", "9999-12-31", None)),
        "number": ("String", ("#n-1", "none", "x" * 34, None)),
        "email": ("String", ("CUSTOMER@example.com", "nobody@example.com", None)),
    },
    "allUsers": {
        "email": ("String", ("CUSTOMER@example.com", "\uff43ustomer@example.com", "nobody@example.com", None)),
        "username": ("String", ("Customer", "nobody", "x" * 81, None)),
    },
}
DEFAULTS = {"String": '"te"', "Float": "1", "Boolean": "true"}


@pytest.fixture
def shop() -> dict[str, Any]:
    """Rows with null, every script, and extreme amounts; the customer has three orders."""
    customer = make_user(username="customer", email="customer@example.com")
    staff = make_staff(username="staff")
    products = [
        make_product(name="Tea", sku="T-1", image="tea.png"),
        make_product(name="Zoë's 🫖 <cup>", description='ﬁ\n\u2028"'),
    ]
    products += [make_product(price=price) for price in (Decimal("0.01"), Decimal("0.10"), MAX_PRICE / 100)]
    products += [make_product(stock=2**31 - 1)]
    for user in (customer, customer, make_user(), customer):
        make_order(user, dict.fromkeys(products, 2))
    Order.objects.filter(pk=make_order().pk).update(user=None, status="delivered")
    products[2].delete()
    guest = Order.objects.get(user=None)
    return {
        "stranger": AnonymousUser(),
        "customer": customer,
        "staff": staff,
        "ids": {
            "product": [products[0].pk, products[1].pk],
            "user": [customer.pk, customer.pk, staff.pk],
            "order": [guest.pk, *customer.orders.values_list("pk", flat=True)],
        },
    }


def fields_of(kind: str) -> list[str]:
    """Return all fields with a value: a new field is compared too."""
    fields = served_schema().get_type(kind).fields
    return [name for name, field in fields.items() if is_leaf_type(get_nullable_type(field.type))] + ["__typename"]


def constants(*names: str) -> list[Callable[[], str]]:
    return [partial(str, name) for name in names]


class Writer:
    """Writes random queries that a plan understands, with their variables."""

    def __init__(self, chance: random.Random, ids: dict[str, list[int]]) -> None:
        self.chance, self.ids = chance, ids
        self.variables: dict[str, Any] = {}
        self.kinds: dict[str, str] = {}
        self.fragments: list[str] = []
        self.aliases = 0

    def query(self) -> str:
        roots = [self.root() for _ in range(self.chance.randint(1, 3))]
        declared = ", ".join(f"${name}: {kind}" for name, kind in self.kinds.items())
        return f"query {f'({declared}) ' if declared else ''}{{ {' '.join(roots)} }} {' '.join(self.fragments)}"

    def root(self) -> str:
        name = self.chance.choice(("product", "user", "order", "me", *SORTS, "allProducts"))
        self.aliases += 1
        head = f"r{self.aliases}: {name}"
        if name == "me":
            return f"{head} {self.rows('User', ('User',))}"
        if name.startswith("all"):
            return f"{head}{self.page_arguments(name)} {self.connection(name.removeprefix('all')[:-1])}"
        row = self.rows(name.title(), (name.title(),))
        return f"{head}(id: {self.value('Int', self.chance.choice(self.ids[name]))}) {row}"

    def page_arguments(self, name: str) -> str:
        given = []
        if self.chance.random() < 0.8:
            given.append(f"first: {self.value('Int', self.chance.choice((0, 1, 2, 5, 100)))}")
        if SORTS[name] and self.chance.random() < 0.5:
            given.append(f"orderBy: {self.value('String', self.chance.choice(SORTS[name]))}")
        if FILTERS[name] and self.chance.random() < 0.6:
            for chosen in self.chance.sample(sorted(FILTERS[name]), self.chance.randint(1, min(3, len(FILTERS[name])))):
                kind, values = FILTERS[name][chosen]
                given.append(f"{chosen}: {self.filter_value(kind, self.chance.choice(values))}")
        return f"({', '.join(given)})" if given else ""

    def connection(self, kind: str) -> str:
        edge = [lambda: f"node {self.rows(kind, (kind,))}", lambda: "cursor", lambda: "__typename"]
        parts = [lambda: f"edges {self.some(edge)}", lambda: f"pageInfo {self.some(constants(*PAGE_INFO))}"]
        return self.some([*parts, *constants("totalCount", "__typename")])

    def rows(self, kind: str, path: tuple[str, ...]) -> str:
        inner = {name: to for name, to in RELATIONS.get(kind, {}).items() if to not in path}
        parts = [partial(self.relation, name, to, (*path, to)) for name, to in inner.items()]
        selection = self.some([*constants(*fields_of(kind)), *parts])
        return self.in_fragment(kind, selection) if self.chance.random() < 0.2 else selection

    def relation(self, name: str, kind: str, path: tuple[str, ...]) -> str:
        return f"{name} {self.rows(kind, path)}"

    def in_fragment(self, kind: str, selection: str) -> str:
        if self.chance.random() < 0.5:
            return f"{{ ... on {kind} {selection} __typename }}"
        name = f"F{len(self.fragments)}"
        self.fragments.append(f"fragment {name} on {kind} {selection}")
        return f"{{ ...{name} ...{name} }}"

    def some(self, parts: list[Callable[[], str]]) -> str:
        chosen = self.chance.sample(parts, self.chance.randint(1, len(parts)))
        return f"{{ {' '.join(self.alias() + part() for part in chosen)} }}"

    def alias(self) -> str:
        if self.aliases >= 12 or self.chance.random() < 0.8:
            return ""
        self.aliases += 1
        return f"a{self.aliases}: "

    def value(self, kind: str, value: Any) -> str:
        if self.chance.random() < 0.5:
            return orjson.dumps(value).decode()
        name = f"v{len(self.kinds)}"
        self.kinds[name], self.variables[name] = self.chance.choice((kind, f"{kind}!")), value
        return f"${name}"

    def filter_value(self, kind: str, value: Any) -> str:
        """Write a value as a literal or a variable, which may have a default, or be missing in place of null."""
        if value is not None and self.chance.random() < 0.4:
            return orjson.dumps(value).decode()
        name = f"v{len(self.kinds)}"
        choices = [kind, f"{kind} = {DEFAULTS[kind]}"]
        self.kinds[name] = self.chance.choice([*choices, *([f"{kind}!"] if value is not None else [])])
        if value is not None or self.chance.random() < 0.5:
            self.variables[name] = value
        return f"${name}"


def planned(query: str) -> QueryPlan:
    document = prepared(query)
    return QueryPlan(document, get_operation_ast(document))


def executed(query: str, caller: Any, variables: dict[str, Any]) -> Any:
    return run(prepared(query), None, variables, SimpleNamespace(user=caller))


@pytest.mark.long
@pytest.mark.parametrize(("caller", "fewest"), [("stranger", 10), ("customer", 30), ("staff", 60)])
def test_plan_answers_random_queries_as_graphql_core_does(shop, caller, fewest):
    answered = filtered = 0
    for seed in range(100):
        writer = Writer(random.Random(seed), shop["ids"])
        query = writer.query()

        expected = executed(query, shop[caller], writer.variables)
        found = planned(query).result(shop[caller], writer.variables)

        has_default = "=" in query.partition(")")[0]  # its variable may be missing
        assert (found is None) == bool(expected.errors) or (found is None and has_default), query
        if found is not None:
            answered += 1
            filtered += any(f"{name}:" in query for names in FILTERS.values() for name in names)
            assert orjson.dumps(found.data) == orjson.dumps(expected.data), query
            document = prepared(query)
            assert found.cost == cost_of(served_schema(), document, get_operation_ast(document), writer.variables)
    assert answered >= fewest
    assert filtered >= fewest / 5


TREE = "user(id: %d) { username orders { pk items { quantity product { name } } } }"
LEVELS = {
    "{ allProducts(first: 2) { edges { node { pk name } } } }": 1,
    "{ allProducts(first: 2) { totalCount edges { cursor node { pk name } } pageInfo { hasNextPage } } }": 2,
    "{ product(id: %d) { name } }": 1,
    "{ me { username } }": 0,
    f"{{ {TREE} }}": 3,
    f"{{ a: {TREE} b: {TREE} }}": 6,
    "{ allUsers { edges { node { orders { items { product { name } } } } } } }": 3,
    "{ order(id: %d) { user { username } items { product { name } } } }": 3,
    "{ order(id: 0) { total } }": 1,
}


@pytest.mark.parametrize(("query", "expected"), LEVELS.items())
def test_each_level_is_read_by_one_statement_and_open_rows_with_their_owners(shop, query, expected):
    ids = {"product(": shop["ids"]["product"][0], "order(": shop["ids"]["order"][-1]}
    pk = next((found for field, found in ids.items() if field in query), shop["customer"].pk)
    plan = planned(query.replace("%d", str(pk)))

    with statements() as sql:
        plan.result(shop["staff"], {})

    assert len(sql) == expected


@pytest.mark.parametrize(
    "query", ["{ me { orders { pk total } } }", "{ allUsers { edges { node { orders { pk } } } } }"]
)
def test_list_with_a_bound_has_the_first_rows_of_each_owner(shop, query, monkeypatch):
    monkeypatch.setattr(served_schema().get_type("User").fields["orders"].resolve, "most", 2)
    caller = shop["customer" if "me" in query[:5] else "staff"]
    expected = executed(query, caller, {}).data

    assert planned(query).result(caller, {}).data == expected
    newest = [order.pk for order in shop["customer"].orders.order_by("-created_at", "-id")[:2]]
    owners = [expected["me"]] if "me" in expected else [edge["node"] for edge in expected["allUsers"]["edges"]]
    assert [[order["pk"] for order in owner["orders"]] for owner in owners if len(owner["orders"]) == 2] == [newest]


def test_every_relation_of_a_row_but_pages_is_compared():
    kinds = {name: served_schema().get_type(name).fields for name in ("User", "Order", "OrderItem", "Product")}
    relations = {kind: fields.keys() - {*fields_of(kind)} - {"ordersConnection"} for kind, fields in kinds.items()}

    assert relations == {kind: RELATIONS.get(kind, {}).keys() for kind in kinds}


def test_only_the_selected_columns_are_read(shop):
    with statements() as sql:
        planned("{ allProducts { edges { node { name } } } }").result(shop["stranger"], {})

    (statement,) = sql
    assert "description" not in statement
    assert "updated_at" not in statement


@pytest.mark.parametrize(
    "query",
    [
        '{ node(id: "UHJvZHVjdDox") { id } }',
        "{ __schema { queryType { name } } }",
        "{ __typename }",
        "{ allProducts(first: null) { edges { node { name } } } }",
        "{ allProducts(q: null) { edges { node { name } } } }",
        "query ($s: Boolean = true) { allProducts { edges { node { name @skip(if: $s) } } } }",
        "{ me { ordersConnection { edges { node { pk } } } } }",
        "{ me { orders { user { orders { pk } } } } }",
        "{ me { a: orders { pk } b: orders { total } } }",
        "{ me { ... on Node { id } } }",
        "{ allProducts { a: edges { cursor } b: edges { cursor } } }",
        "{ allProducts { edges { a: node { pk } b: node { pk } } } }",
    ],
)
def test_unusual_queries_have_no_plan(query):
    with pytest.raises(Unplannable):
        planned(query)


def test_filter_of_a_type_without_a_conversion_has_no_plan(monkeypatch):
    monkeypatch.delitem(query_plan.SCALARS, "Boolean")

    with pytest.raises(Unplannable):
        planned("{ allProducts(inStock: true) { totalCount } }")
    assert planned("{ allProducts { totalCount } }")


@pytest.mark.parametrize(
    "variables",
    [{"n": 2.0}, {"n": True}, {"n": "2"}, {"n": -1}, {"n": 101}, {"n": 2**31}, {"n": [2]}],
)
def test_unusual_values_are_left_to_graphql_core(shop, variables):
    plan = planned("query ($n: Int) { allProducts(first: $n) { edges { node { name } } } }")

    assert plan.result(shop["stranger"], variables) is None


PAGES = """query ($first: Int, $last: Int, $after: String, $before: String) {
  allProducts(first: $first, last: $last, after: $after, before: $before, orderBy: "-price", minPrice: 0) {
    totalCount edges { cursor node { pk name } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""


SEARCH = """query ($q: String!, $from: Float, $category: String) {
  searchProducts(query: $q, minPrice: $from, category: $category) { id pk name price stock }
}"""


@pytest.mark.parametrize("more", [{}, {"from": 9.99}, {"from": None, "category": "nothing"}])
@pytest.mark.parametrize("text", ["tea", "ZOË", "o", "", "none", "100%"])
def test_found_products_are_those_of_graphql_core(shop, text, more):
    variables = {"q": text, **more}

    found = planned(SEARCH).result(shop["stranger"], variables)

    expected = executed(SEARCH, shop["stranger"], variables)
    assert orjson.dumps(found.data) == orjson.dumps(expected.data)
    document = prepared(SEARCH)
    assert found.cost == cost_of(served_schema(), document, get_operation_ast(document), variables)


@pytest.mark.parametrize("variables", [{"q": "x" * 201}, {"q": "tea", "from": 0.001}, {"q": 3}, {}])
def test_bad_searches_are_left_to_graphql_core(shop, variables):
    assert planned(SEARCH).result(shop["stranger"], variables) is None


@pytest.mark.parametrize("size", [0, 1, 2, 5, 100])
def test_pages_in_both_directions_are_those_of_graphql_core(shop, size):
    plan, caller = planned(PAGES), shop["stranger"]
    cursors = [edge["cursor"] for edge in executed(PAGES, caller, {}).data["allProducts"]["edges"]]
    assert len(cursors) == 6

    for asked in (
        {},
        {"first": size},
        {"last": size},
        *({"first": size, "after": cursor} for cursor in cursors),
        *({"last": size, "before": cursor, "after": None} for cursor in cursors),
        {"after": cursors[1], "first": None},
    ):
        found = plan.result(caller, asked)
        assert found is not None, asked
        assert found.data == executed(PAGES, caller, asked).data, asked
        document = prepared(PAGES)
        assert found.cost == cost_of(served_schema(), document, get_operation_ast(document), asked)


def test_page_between_cursors_and_bad_pages_are_left_to_graphql_core(shop):
    plan, caller = planned(PAGES), shop["stranger"]
    edges = plan.result(caller, {}).data["allProducts"]["edges"]
    cursor, other = edges[0]["cursor"], edges[-1]["cursor"]
    (foreign,) = (
        planned("{ allProducts(first: 1) { edges { cursor } } }").result(caller, {}).data["allProducts"]["edges"]
    )

    for asked in (
        {"first": 2, "last": 2},
        {"first": 2, "before": cursor},
        {"last": 2, "after": cursor},
        {"after": cursor, "before": other},
        {"last": -1},
        {"last": 101},
        {"first": 2, "after": ""},
        {"first": 2, "after": "nonsense"},
        {"last": 2, "before": foreign["cursor"]},
        {"first": 2, "after": 3},
    ):
        assert plan.result(caller, asked) is None, asked


@pytest.mark.parametrize("kind", ["String!", 'String = "cup"'])
@pytest.mark.parametrize("variables", [{}, {"q": None}])
def test_missing_value_of_a_filter_is_left_to_graphql_core_if_it_has_a_meaning(shop, kind, variables):
    plan = planned(f"query ($q: {kind}) {{ allProducts(q: $q) {{ edges {{ node {{ name }} }} }} }}")

    assert plan.result(shop["stranger"], variables) is None


@pytest.mark.parametrize(
    ("query", "caller"),
    [
        ("{ product(id: 1000000) { name } }", "staff"),
        ("{ product { name } }", "staff"),
        ("{ order(id: 1) { total } }", "stranger"),
        ("{ me { pk } }", "stranger"),
        ("{ allUsers { totalCount } }", "customer"),
        ("{ allProducts(minPrice: 0.001) { totalCount } }", "stranger"),
        ('{ allOrders(status: "PENDING") { totalCount } }', "staff"),
        ('{ allProducts(orderBy: "weight") { totalCount } }', "stranger"),
    ],
)
def test_refusals_are_left_to_graphql_core(shop, query, caller):
    assert planned(query).result(shop[caller], {}) is None


def test_result_over_the_limits_is_left_to_graphql_core(shop, monkeypatch):
    query = "{ allProducts { edges { node { pk name } } } }"
    monkeypatch.setattr(levels, "MAX_VALUES", 5)
    assert planned(query).result(shop["stranger"], {}) is None

    monkeypatch.setattr(cost, "MAX_COST", 100)
    monkeypatch.setattr(levels, "MAX_VALUES", 500)
    assert planned(query).result(shop["stranger"], {}) is None


def test_fragments_that_repeat_fields_make_no_large_plan():
    roots = " ".join(f"r{number}: product(id: 1) {{ ...F }}" for number in range(15))

    with pytest.raises(Unplannable, match="too many fields"):
        planned(f"{{ {roots} }} fragment F on Product {{ {' '.join(fields_of('Product'))} }}")


def test_document_gets_its_plan_when_it_is_sent_again(shop):
    query = "query ($id: Int) { product(id: $id) { name price } }"
    client, variables = Graph(shop["staff"]), {"id": shop["ids"]["product"][1]}

    bodies = []
    for _ in range(3):
        bodies.append(client.send(query, variables).json())
        bodies[-1]["extensions"].pop("rateLimit", None)

    assert singleton(PlanCache).get(query, None) is not None
    assert bodies[1:] == bodies[:-1]


def test_documents_that_are_sent_once_evict_no_plan():
    kept = PlanCache()
    known = "{ product(id: 1) { name } }"
    for _ in range(2):
        learn(kept, known)

    for number in range(MAX_CACHED + 1):
        learn(kept, f"{{ product(id: {number + 2}) {{ name }} }}")

    assert kept.get(known, None) is not None


def test_number_of_plans_is_bounded():
    kept = PlanCache()
    queries = [f"{{ product(id: {number}) {{ name }} }}" for number in range(MAX_CACHED + 1)]
    for query in queries:
        learn(kept, query)
        learn(kept, query)

    assert [kept.get(query, None) is None for query in queries] == [True] + [False] * MAX_CACHED


def learn(kept: PlanCache, query: str) -> None:
    document = prepared(query)
    kept.learn(query, None, document, get_operation_ast(document))
