"""Subscriptions as others' clients see them: npm's graphql-ws and graphql-sse (tests/support/npm.py)."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from catalog.models import Product
from tests.support.api import access_token, brief_token
from tests.support.factories import make_product, make_staff
from tests.support.live import Shop
from tests.support.sockets import position_in

SCRIPT = Path(__file__).with_name("graphql_clients.cjs")


def started(folder: str, client: str, mode: str, **given: Any) -> subprocess.Popen[str]:
    command = ["node", str(SCRIPT), folder, client, mode, json.dumps(given)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def says(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline().strip()


def outcome(process: subprocess.Popen[str], line: str = "") -> Any:
    out, errors = process.communicate(f"{line}\n", timeout=60)
    assert process.returncode == 0, errors
    return json.loads(out)


def urls(shop: Shop) -> list[str]:
    return [f"{url}/graphql" for url in shop.urls]


@pytest.mark.parametrize("client", ["ws", "sse"])
def test_every_kind_of_operation_and_of_error(client: str, npm_packages: str, live_shop) -> None:
    shop = live_shop()
    with shop.database():
        staff, product = make_staff(password="a-long-password"), make_product(stock=9)
    given = {"urls": urls(shop), "staff": access_token(staff), "product": product.pk, "after": position_in(shop)}

    process = started(npm_packages, client, "calls", **given)
    assert says(process) == "ready"
    told = outcome(process, brief_token(staff, 10))

    def refused(code: str) -> dict[str, Any]:
        """What is refused before it runs is an error on a WebSocket, and the only result of a stream."""
        return {"errors": [code], "codes": []} if client == "ws" else {"complete": True, "codes": [code]}

    cursors = [int(update.pop("cursor")) for update in told["first"]]
    assert told["query"] == {"complete": True, "codes": ["NOT_FOUND"]}
    assert told["found"] == {"__typename": "Query"}
    assert told["invalid"] == refused("INVALID_INPUT")
    assert told["unknown"] == refused("NOT_FOUND")
    assert told["old"] == refused("CURSOR_EXPIRED")
    assert told["forbidden"] == {"complete": True, "codes": ["UNAUTHENTICATED"]}
    assert [update["newStock"] for update in told["first"]] == [8, 7, 6]
    assert [update["newStock"] for update in told["second"]] == [8, 7]
    assert cursors == [int(given["after"]) + n for n in (1, 2, 3)]
    if client == "ws":
        assert told["expired"]["failure"] == 4401
        assert told["expired"]["ends"][0][0] == 4401
    else:
        assert told["expired"] == {"complete": True, "codes": ["UNAUTHENTICATED"], "ends": []}


@pytest.mark.parametrize("client", ["ws", "sse"])
def test_client_goes_on_by_itself_when_the_server_ends(client: str, npm_packages: str, live_shop) -> None:
    shop = live_shop(processes=2)
    with shop.database():
        product = make_product(stock=9)
    after = position_in(shop)
    with shop.database():
        Product.objects.filter(pk=product.pk).update(stock=8)

    process = started(npm_packages, client, "end", urls=urls(shop), product=product.pk, after=after, count=3)
    assert says(process) == "8"
    shop.servers[0].stop()
    with shop.database():
        for stock in (7, 6):
            Product.objects.filter(pk=product.pk).update(stock=stock)

    assert outcome(process) == [8, 7, 6]
