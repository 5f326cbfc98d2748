"""No value that a client sends is a fault of the shop's, nor answered in the words of Python."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from graphql import get_named_type, is_composite_type

from ecommerce.schema import schema
from tests.support.api import Api
from tests.support.connect import WebShop, path_of
from tests.support.factories import make_product, make_staff
from tests.support.graph import Graph
from tests.support.rpc import METHODS
from tests.support.sockets import graph_socket, socket_client

# As JSON has them, for Python reads some of them as no number, or as none of its own.
NUMBERS = ("9" * 5_000, "-" + "9" * 5_000, "9" * 4_000, "9" * 20, "1e400", "-1e400", "1e99999999999999999999", "1.5")
ODD_NUMBERS = ("1e-99999999999999999999", "0." + "1" * 6_000, "1" + "0" * 400)
OTHERS = ("true", "null", "[]", "[null, true]", '{"a": [1]}', '"1e400"', '"NaN"', '"\\ud800"', '"\\u0000"')
VALUES = (*NUMBERS, *ODD_NUMBERS, *OTHERS, "[" * 15 + "]" * 15)
IN_URLS = ("9" * 5_000, "-1", "1e400", "1e99999999999999999999", "1_0", "\u0661", "NaN", "Infinity", "0x1", "%00", "[]")
OF_PYTHON = re.compile(
    r"\b(None|NoneType|True|False|Traceback|Decimal|dict|mapping|str|int too|inf|nan|sys)\b|<class|Exceeds"
)


def check(content: bytes | str, *about: str) -> None:
    """Fail for an answer that calls a value a fault, or that Python has worded."""
    text = content.decode() if isinstance(content, bytes) else content
    assert not re.search(r'"internal"', text, re.IGNORECASE), (*about, text)
    assert not OF_PYTHON.search(text), (*about, text)


@pytest.fixture(autouse=True)
def no_fault_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


# -- REST -------------------------------------------------------------------------------------------------------
def bodies_of_v1(value: str) -> Iterator[tuple[str, str, str]]:
    """Yield (method, path, body) for the fields that REST reads."""
    for field in ("name", "price", "stock", "sku", "version"):
        yield "patch", "/products/1", f'{{"{field}": {value}}}'
    yield "post", "/products", value
    yield "post", "/products/batch", f'[{{"name": "x", "price": 1, "stock": {value}}}, {value}]'
    for items in (value, f"[{value}]", f'[{{"product_id": {value}, "quantity": {value}}}]'):
        yield "post", "/orders", f'{{"items": {items}}}'
    for path in ("/auth/token", "/users"):
        yield "post", path, f'{{"username": {value}, "email": {value}, "password": {value}}}'
    yield "post", "/auth/token/refresh", f'{{"refresh": {value}}}'


def bodies_of_v2(value: str) -> Iterator[tuple[str, str, str]]:
    yield "patch", "/products/1", f'{{"price": {value}}}'
    yield "patch", "/products/1", f'{{"price": {{"amount": {value}, "currency": "USD"}}}}'
    yield "patch", "/products/1", f'{{"price": {{"amount": 1, "currency": {value}}}}}'
    yield "post", "/orders", f'{{"items": [{{"product_id": {value}, "quantity": {value}}}]}}'


@pytest.mark.long
@pytest.mark.django_db
@pytest.mark.parametrize(("version", "bodies"), [("v1", bodies_of_v1), ("v2", bodies_of_v2)])
@pytest.mark.usefixtures("unlimited")
def test_no_value_in_a_body_of_rest_is_a_fault(version, bodies):
    make_product()
    api = Api(make_staff(), base=f"/api/{version}")

    for value in VALUES:
        for method, path, body in bodies(value):
            response = api.send(method, path, body)
            assert response.status_code < 500, (method, path, body[:80])
            check(response.content, method, path, body[:80])


@pytest.mark.long
@pytest.mark.django_db
@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.usefixtures("unlimited")
def test_no_value_in_a_url_of_rest_is_a_fault(version):
    api = Api(make_staff(), base=f"/api/{version}")
    names = ("page", "per_page", "limit", "cursor", "min_price", "max_price", "in_stock", "q", "sort", "order")

    for value in IN_URLS:
        paths = [f"/products?{name}={value}" for name in names] + [f"/orders?status={value}", f"/orders/{value}"]
        for path in [*paths, f"/products/{value}", f"/users/{value}/orders", f"/products/events?last_event_id={value}"]:
            response = api.get(path)
            assert response.status_code < 500, path[:80]
            check(b"" if response.streaming else response.content, path[:80])


# -- GraphQL ----------------------------------------------------------------------------------------------------
SAMPLES = {"Int!": "1", "Float!": "1.5", "String!": '"a"', "ID!": '"a"', "OrderVerb!": "PAY"}
LISTS = {
    "OrderItemInput": "[{productId: 1, quantity: 1}]",
    "OrderMove": "[{orderId: 1}]",
    "ProductInput": '[{name: "a", price: 1}]',
}


def sample_of(kind: Any) -> str:
    return SAMPLES.get(str(kind)) or LISTS[get_named_type(kind).name]


def arguments() -> Iterator[Any]:
    """Yield an argument of each type: a pattern of a document that sets it, and its type."""
    seen = set()
    roots = {"query": schema.graphql_schema.query_type, "mutation": schema.graphql_schema.mutation_type}
    for operation, root in roots.items():
        for field, definition in root.fields.items():
            selection = "{ __typename }" if is_composite_type(get_named_type(definition.type)) else ""
            for name, argument in definition.args.items():
                others = [
                    f"{other}: {sample_of(found.type)}"
                    for other, found in definition.args.items()
                    if other != name and str(found.type).endswith("!")
                ]
                if (operation, str(argument.type)) not in seen:
                    seen.add((operation, str(argument.type)))
                    given = ", ".join([*others, f"{name}: %(value)s"])
                    document = f"{operation} %(variable)s {{ {field}({given}) {selection} }}"
                    yield pytest.param(document, str(argument.type), id=f"{field}.{name}")


@pytest.mark.long
@pytest.mark.django_db
@pytest.mark.parametrize(("document", "kind"), list(arguments()))
@pytest.mark.usefixtures("unlimited")
def test_no_value_of_an_argument_of_graphql_is_a_fault(document, kind):
    graph = Graph(make_staff())

    for value in VALUES:
        by_variable = json.dumps(document % {"value": "$v", "variable": f"($v: {kind})"})
        answers = [graph.post(f'{{"query": {by_variable}, "variables": {{"v": {value}}}}}')]
        literal = value.replace('"a":', "a:")
        questions = ({"value": literal, "variable": ""}, {"value": "$v", "variable": f"($v: {kind} = {literal})"})
        answers += [graph.send(document % question) for question in questions]
        for response in answers:
            assert response.status_code < 500, value[:80]
            check(response.content, value[:80])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("Int", "[null, true]", "got invalid value [null, true]; Int cannot represent non-integer value: [null, true]"),
        ("Float", "1" + "0" * 400, f"got invalid value 1{'0' * 199}...; Expected type 'Float'."),
        ("Boolean", '"True"', 'got invalid value "True"; Boolean cannot represent a non boolean value: "True"'),
        ("Float", '"Größe"', 'got invalid value "Größe"; Float cannot represent non numeric value: "Größe"'),
        ("OrderVerb", "true", "got invalid value true; Enum 'OrderVerb' cannot represent non-string value: true"),
        ("OrderItemInput", "[]", "got invalid value []; Expected type 'OrderItemInput' to be an object."),
        ("OrderItemInput", "true", "got invalid value true; Expected type 'OrderItemInput' to be an object."),
        (
            "OrderItemInput",
            '{"productId": 1}',
            "got invalid value {\"productId\": 1}; Field 'quantity' of required type 'Int!' was not provided.",
        ),
    ],
)
def test_variable_that_does_not_fit_is_quoted_as_it_was_sent(kind, value, message):
    use = {"Int": "product(id: $v)", "Float": "allProducts(minPrice: $v)", "Boolean": "allProducts(inStock: $v)"}
    document = f"query($v: {kind}) {{ {use.get(kind, '__typename')} {{ __typename }} }}"
    if kind == "OrderVerb":
        document = "mutation($v: OrderVerb!) { batchMoveOrders(verb: $v, orders: []) { ok } }"
    if kind == "OrderItemInput":
        document = "mutation($v: OrderItemInput!) { placeOrder(items: [$v]) { ok } }"

    body = Graph().post(f'{{"query": {json.dumps(document)}, "variables": {{"v": {value}}}}}').json()

    assert [error["message"] for error in body["errors"]] == [f"Variable '$v' {message}"]
    assert body["errors"][0]["extensions"]["code"] == "INVALID_INPUT"


@pytest.mark.django_db
def test_of_many_values_that_do_not_fit_ten_are_named():
    query = "mutation($v: [OrderItemInput!]!) { placeOrder(items: $v) { ok } }"

    body = Graph().send(query, {"v": [{f"a{n}": 1 for n in range(100)}] * 100}).json()

    assert len(body["errors"]) == 10
    assert {error["extensions"]["code"] for error in body["errors"]} == {"INVALID_INPUT"}


@pytest.mark.django_db
def test_integer_of_more_digits_than_python_reads_is_invalid_input():
    digits = "9" * 4_301

    error = Graph().error(f"{{ product(id: {digits}) {{ name }} }}")

    assert error == {"message": f"Expected value of type 'Int', found {digits}", "code": "INVALID_INPUT"}


# -- Connect, WebSockets ----------------------------------------------------------------------------------------
def test_no_value_in_json_of_connect_is_a_fault(web_shop: WebShop):
    with web_shop.database():
        make_staff(username="staff")
        make_product()
    caller = web_shop.caller("staff")
    headers = caller.headers | {"content-type": "application/json"}

    for name in ("ListProducts", "UpdateProduct", "PlaceOrder"):
        fields = [field.json_name for field in METHODS[name][1].input_type.fields]
        for value in VALUES:
            for body in (value, *(f'{{"{field}": {value}}}' for field in fields)):
                response = caller.http.post(path_of(name), content=body, headers=headers)
                check(response.text, name, body[:80])
    timed = caller.http.post(path_of("GetProduct"), content="{}", headers=headers | {"connect-timeout-ms": "9" * 5_000})
    check(timed.text)
    assert "Traceback" not in web_shop.web.log


def test_no_value_on_a_websocket_is_a_fault(web_shop: WebShop):
    with web_shop.database():
        token = web_shop.caller("staff").headers["authorization"].removeprefix("Bearer ")
    query = json.dumps("query($v: Int) { product(id: $v) { name } }")

    with socket_client(web_shop.web.url, "/ws/prices", token) as prices:
        prices.receive()  # where it begins
        for value in VALUES:
            for message in (
                value,
                f'{{"product_id": {value}, "new_price": 1}}',
                f'{{"product_id": 1, "new_price": {value}}}',
            ):
                prices.send(message)
                check(json.dumps(prices.receive()), message[:80])
    with graph_socket(web_shop.web.url) as graph:
        for value in [value for value in VALUES if value not in UNREADABLE_ON_A_SOCKET]:
            graph.send(
                f'{{"id": "1", "type": "subscribe", "payload": {{"query": {query}, "variables": {{"v": {value}}}}}}}'
            )
            message = graph.receive()
            check(json.dumps(message), value[:80])
            if message["type"] == "next":
                graph.receive()  # complete
    assert "Traceback" not in web_shop.web.log


# JSON that is none ends a conversation of GraphQL, as its protocol has it.
UNREADABLE_ON_A_SOCKET = [
    value for value in VALUES if re.fullmatch(r"-?9{5000}|-?1e-?\d{3,}", value) and value[:3] != "1e-"
]


@pytest.mark.parametrize("value", UNREADABLE_ON_A_SOCKET)
def test_number_out_of_range_ends_a_conversation_of_graphql(value, web_shop: WebShop):
    with graph_socket(web_shop.web.url) as graph:
        graph.send(
            f'{{"id": "1", "type": "subscribe", "payload": {{"query": "{{me}}", "variables": {{"v": {value}}}}}}}'
        )

        code, reason = graph.closed()

    assert (code, reason.partition(": a")[0]) == (4400, "Invalid message: Invalid JSON")
    assert httpx.get(f"{web_shop.web.url}/health/live").status_code == 200
