"""The table of limits in docs/limits.md has the numbers of the code."""

import re

from django.conf import settings

from accounts.models import User
from catalog.bulk import repricing
from catalog.filters import ProductFilter
from catalog.images import reading
from catalog.models import MAX_PRICE, Product
from core import batch, idempotency
from core.admin import searching
from core.lists.keyset import MAX_PER_PAGE
from core.protocols.graph import cost, execution, limits
from core.protocols.graph.live.socket import INIT_TIMEOUT_S, MAX_OPERATIONS
from core.protocols.rest.markup import MAX_ELEMENTS
from core.protocols.rpc.methods import ClientStreaming
from core.rates.addresses import IPV6_PREFIX_BITS
from core.rates.limits import WRITES_PER_BUDGET
from core.server.connections import MAX_HEAD_BYTES
from core.validation.containers import MAX_CONTAINERS
from core.validation.validators import MAX_INT32
from orders.actions import MAX_LINES
from orders.models import MAX_TOTAL
from tests.support.live import ROOT

UNITS = {"KiB": 1024, "MiB": 1024 * 1024}
PER_MINUTE = [settings.RATE_ANONYMOUS_PER_MINUTE, settings.RATE_USER_PER_MINUTE]
SIGN_INS = [settings.RATE_SIGN_IN_PER_MINUTE, settings.RATE_SIGN_IN_NAME_PER_MINUTE]
COUNTS = [
    limits.MAX_COUNTS[name] for name in ("fields", "fragments", "aliases", "directives", "variables")
]  # in the order of the row


def length_of(model, name: str) -> int:
    return model._meta.get_field(name).max_length


LIMITS = {
    "requests per minute": PER_MINUTE,
    "attempts per minute": SIGN_INS,
    "the part of an address": [32, IPV6_PREFIX_BITS],
    "a process takes a budget in blocks": [limit // WRITES_PER_BUDGET for limit in PER_MINUTE + SIGN_INS],
    "rows per page": [MAX_PER_PAGE, batch.MAX_ROWS, MAX_LINES, settings.MAX_BODY_BYTES],
    "products of one change of prices": [repricing.MOST, repricing.EXAMPLES, repricing.LEFT_IDS],
    "an HTTP request line": [MAX_HEAD_BYTES, settings.HEAD_TIMEOUT_S],
    "price, order total": [MAX_PRICE, MAX_TOTAL, MAX_INT32],
    "name, SKU, description": [
        *(length_of(Product, name) for name in ("name", "sku", "description")),
        *(length_of(User, name) for name in ("username", "email")),
    ],
    "an image": [reading.MAX_PIXELS, reading.IMAGE_SIDE, reading.THUMBNAIL_SIDE],
    "a search": [ProductFilter.base_filters["q"].extra["max_length"], searching.MAX_WORDS],
    "a GraphQL document": [
        *(limits.MAX_CHARACTERS, limits.MAX_TOKENS, limits.MAX_DEPTH),
        *COUNTS,
        limits.MAX_MUTATIONS,
    ],
    "the cost of a document": [cost.MAX_COST],
    "nesting of a type": [execution.MAX_VALUES],
    "objects and lists": [MAX_CONTAINERS, MAX_ELEMENTS],
    "a GraphQL request": [limits.MAX_BODY_BYTES, limits.MAX_JSON_DEPTH],
    "gRPC": [
        settings.GRPC_MAX_MESSAGE_BYTES,
        settings.GRPC_MAX_METADATA_BYTES,
        settings.GRPC_CALLS_PER_CONNECTION,
        settings.STREAMS_PER_CALLER,
        ClientStreaming.AT_ONCE,
    ],
    "a WebSocket": [limits.MAX_BODY_BYTES, MAX_OPERATIONS, INIT_TIMEOUT_S, settings.STREAMS_PER_CALLER],
    "a duplicate of a request": [idempotency.DUPLICATE_WAIT_S],
    "lifetime of an access token": [
        settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"].total_seconds() / 60,
        settings.SIMPLE_JWT["REFRESH_TOKEN_LIFETIME"].days,
    ],
}


def numbers_in(cell: str) -> list[float]:
    """Return the numbers of a cell such as `100; 10,000; 5 MiB`, those with a unit in bytes."""
    found = re.findall(r"(?<![A-Za-z])(\d[\d,]*\d|\d)(\.\d+)?(?: (KiB|MiB))?", cell)
    return [float(whole.replace(",", "") + part) * UNITS.get(unit, 1) for whole, part, unit in found]


def test_table_has_every_limit_with_the_number_of_the_code():
    table = (ROOT / "docs/limits.md").read_text().split("## Limits")[1]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]

    found = {
        next((name for name in LIMITS if text.startswith(name)), text): numbers_in(numbers) for text, numbers in rows
    }
    assert found == {name: [float(number) for number in numbers] for name, numbers in LIMITS.items()}
