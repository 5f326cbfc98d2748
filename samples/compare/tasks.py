"""The tasks, each as it is done over REST, GraphQL and gRPC. The front page and `manage.py compare` both read them.

Placeholders are in braces: `{product}`, `{customer}`, `{etag}` and `{rows}` are values of the shop. `{key}` is a new
text in each run, and `{each}` is each value that `each` finds in the answers of the step before.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeAlias

Json: TypeAlias = Any  # as `json.loads` returns it
Values: TypeAlias = Mapping[str, Any]  # that replace the placeholders

ROWS = 1_000
NAME_OF_ROWS = "Measured product"
LIST_PATH = "/api/v1/products?per_page=20&sort=price&order=asc"
PROTOCOLS = ("rest", "graphql", "grpc")


@dataclass(frozen=True)
class TaskStep:
    """One request, or, if `each` is a path, one for each value that it finds in the answers of the step before.

    `call` is a method and a path of HTTP, or the path of a gRPC method. A gRPC message that is a list is a stream.
    """

    call: str
    message: Json = None
    headers: Mapping[str, str] = field(default_factory=dict)
    each: str = ""


@dataclass(frozen=True)
class Task:
    """One task.

    `facts` maps the name of each fact in which the answers must agree to its path in each protocol. A path begins with
    the number of the step, or with `#` if the fact is the number of different values in all steps.
    """

    slug: str
    title: str
    note: str
    caller: str  # anyone, customer or staff
    rest: tuple[TaskStep, ...]
    graphql: tuple[TaskStep, ...]
    grpc: tuple[TaskStep, ...]
    facts: Mapping[str, tuple[str, str, str]]
    code: Mapping[str, str]  # the file that answers, by protocol
    test: str  # the file that tests that the protocols agree
    writes: bool = False
    runs: int = 20


def _graphql(query: str, *, each: str = "", **variables: object) -> TaskStep:
    return TaskStep("POST /graphql", {"query": query, "variables": variables}, each=each)


_ONE_PRODUCT = Task(
    slug="one-product",
    title="Read one product",
    note="The smallest read: what each protocol costs by itself.",
    caller="anyone",
    rest=(TaskStep("GET /api/v1/products/{product}"),),
    graphql=(
        _graphql(
            "query ($id: Int!) {\n  product(id: $id) {\n    name description price stock sku version\n  }\n}",
            id="{product}",
        ),
    ),
    grpc=(TaskStep("/ecommerce.ProductService/GetProduct", {"id": "{product}"}),),
    facts={
        name: (f"0:{name}", f"0:data.product.{name}", f"0:product.{name}")
        for name in ("name", "description", "price", "stock", "sku", "version")
    },
    code={"rest": "catalog/views.py", "graphql": "catalog/schema/__init__.py", "grpc": "catalog/services.py"},
    test="tests/parity/test_parity.py",
)

_LIST = Task(
    slug="list",
    title="List 20 products, three fields",
    note="A list on a screen: GraphQL sends the three fields, REST its row, gRPC the whole message.",
    caller="anyone",
    rest=(TaskStep(f"GET {LIST_PATH}"),),
    graphql=(
        _graphql(
            'query {\n  allProducts(first: 20, orderBy: "price") {\n    edges { node { name price stock } }\n  }\n}'
        ),
    ),
    grpc=(TaskStep("/ecommerce.ProductService/ListProducts", {"page_size": 20, "sort_by": "price"}),),
    facts={
        name: (f"0:products.{name}", f"0:data.allProducts.edges.node.{name}", f"0:products.{name}")
        for name in ("name", "price", "stock")
    },
    code=_ONE_PRODUCT.code,
    test="tests/parity/test_parity.py",
)

_AGAIN = replace(
    _LIST,
    slug="again",
    title="Read the same list again, unchanged",
    note="The one task about caching: REST sends the ETag and gets 304 without a body; the others read everything.",
    rest=(TaskStep(f"GET {LIST_PATH}", headers={"If-None-Match": "{etag}"}),),
    facts={},
    test="tests/core/protocols/rest/test_caching.py",
)

_SCREEN_QUERY = """query ($id: Int!) {
  user(id: $id) {
    username
    email
    ordersConnection(first: 5) {
      edges { node {
        number status total
        items {
          quantity unitPrice lineTotal
          product { pk name price stock }
        }
      } }
    }
  }
}"""
_SCREEN = Task(
    slug="screen",
    title="A customer with orders, lines and products",
    note="One screen of nested data: a user, the newest five orders, their lines, and each product as it is now.",
    caller="customer",
    rest=(
        TaskStep("GET /api/v1/users/{customer}"),
        TaskStep("GET /api/v1/users/{customer}/orders?per_page=5"),
        TaskStep("GET /api/v1/orders/{each}", each="orders.id"),
        TaskStep("GET /api/v1/products/{each}", each="items.product_id"),
    ),
    graphql=(
        _graphql(
            _SCREEN_QUERY,
            id="{customer}",
        ),
    ),
    grpc=(
        TaskStep("/ecommerce.AccountService/GetUser", {"id": "{customer}"}),
        TaskStep("/ecommerce.OrderService/ListUserOrders", {"user_id": "{customer}", "page_size": 5}),
        TaskStep("/ecommerce.ProductService/GetProduct", {"id": "{each}"}, each="orders.items.product_id"),
    ),
    facts={
        "username": ("0:username", "0:data.user.username", "0:user.username"),
        "numbers of the orders": (
            "2:number",
            "0:data.user.ordersConnection.edges.node.number",
            "1:orders.number",
        ),
        "totals of the lines": (
            "2:items.line_total",
            "0:data.user.ordersConnection.edges.node.items.lineTotal",
            "1:orders.items.line_total",
        ),
        "products": (
            "3:name",
            "0:data.user.ordersConnection.edges.node.items.product.name",
            "2:product.name",
        ),
    },
    code={"rest": "orders/views.py", "graphql": "orders/schema.py", "grpc": "orders/services.py"},
    test="tests/parity/test_parity.py",
)

_ORDER_LINES = [{"product_id": "{product}", "quantity": 1}]
_PLACE_ORDER = (
    "mutation ($items: [OrderItemInput!]!, $key: String) {\n  placeOrder(items: $items, idempotencyKey: $key) {\n"
    "    order { pk number status total }\n  }\n}"
)
_ORDER = Task(
    slug="order-twice",
    title="Place an order twice with one idempotency key",
    note="A retry after a lost response: the second request must return the first order.",
    caller="staff",  # not the customer: the task above reads the customer's newest orders
    rest=(TaskStep("POST /api/v1/orders", {"items": _ORDER_LINES}, {"Idempotency-Key": "{key}"}),) * 2,
    graphql=(_graphql(_PLACE_ORDER, items=[{"productId": "{product}", "quantity": 1}], key="{key}"),) * 2,
    grpc=(TaskStep("/ecommerce.OrderService/PlaceOrder", {"items": _ORDER_LINES}, {"idempotency-key": "{key}"}),) * 2,
    facts={
        "status": ("0:status", "0:data.placeOrder.order.status", "0:order.status"),
        "total": ("1:total", "1:data.placeOrder.order.total", "1:order.total"),
        "number of orders": ("#:number", "#:data.placeOrder.order.number", "#:order.number"),
    },
    code={"rest": "orders/views.py", "graphql": "orders/schema.py", "grpc": "orders/services.py"},
    test="tests/parity/test_replays.py",
    writes=True,
)

_BATCH = Task(
    slug="batch",
    title=f"Create {ROWS:,} products",
    note="Bulk writes: one JSON array, one mutation, one stream of messages.",
    caller="staff",
    rest=(TaskStep("POST /api/v1/products/batch", "{rows}"),),
    graphql=(
        _graphql(
            "mutation ($rows: [ProductInput!]!) {\n  batchCreateProducts(products: $rows) { createdCount }\n}",
            rows="{rows}",
        ),
    ),
    grpc=(TaskStep("/ecommerce.ProductService/BatchCreateProducts", "{rows}"),),
    facts={"created": ("0:created", "0:data.batchCreateProducts.createdCount", "0:created_count")},
    code={"rest": "catalog/views.py", "graphql": "catalog/schema/__init__.py", "grpc": "catalog/services.py"},
    test="tests/catalog/test_grpc_batch.py",
    writes=True,
    runs=10,
)

_FOLLOW = Task(
    slug="follow",
    title="Follow a price",
    note="From the request that changes a price to its arrival: the request itself is part of the time.",
    caller="staff",
    rest=(TaskStep("GET /api/v1/products/{product}/events"),),
    graphql=(
        _graphql(
            "subscription ($id: Int) {\n  productUpdated(id: $id) { productId newPrice newStock kind cursor }\n}",
            id="{product}",
        ),
    ),
    grpc=(TaskStep("/ecommerce.ProductService/WatchProducts", {"id": "{product}"}),),
    facts={
        "new_price": ("0:new_price", "0:data.productUpdated.newPrice", "0:new_price"),
        "cursor": ("0:cursor", "0:data.productUpdated.cursor", "0:cursor"),
    },
    code={
        "rest": "core/protocols/live/events.py",
        "graphql": "core/protocols/graph/live/streams.py",
        "grpc": "core/protocols/rpc/streams.py",
    },
    test="tests/parity/test_live_race.py",
    writes=True,
)

TASKS = (_ONE_PRODUCT, _LIST, _AGAIN, _SCREEN, _ORDER, _BATCH, _FOLLOW)
CHANGE_PRICE = TaskStep("PATCH /api/v1/products/{product}", {"price": "{price}"})
OUT_OF_STOCK = {  # the same mistake in each protocol; `{too_many}` is more than the stock
    "rest": TaskStep("POST /api/v1/orders", {"items": [{"product_id": "{product}", "quantity": "{too_many}"}]}),
    "graphql": _graphql(_PLACE_ORDER, items=[{"productId": "{product}", "quantity": "{too_many}"}]),
    "grpc": TaskStep(
        "/ecommerce.OrderService/PlaceOrder", {"items": [{"product_id": "{product}", "quantity": "{too_many}"}]}
    ),
}


def rows() -> list[dict[str, object]]:
    """Return the products that the batch creates."""
    return [{"name": f"{NAME_OF_ROWS} {n}", "price": 9.5, "stock": 0} for n in range(1, ROWS + 1)]


def as_json() -> dict[str, Json]:
    """Return everything that the page needs to run the tasks."""
    return {
        "tasks": [asdict(task) for task in TASKS],
        "changePrice": asdict(CHANGE_PRICE),
        "outOfStock": {name: asdict(step) for name, step in OUT_OF_STOCK.items()},
        "rows": {"count": ROWS, "name": NAME_OF_ROWS},
    }
