"""One shop over every protocol, behind a link that can be cut, and how each protocol reports an outage."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import grpc
import httpx

from accounts.models import User
from catalog.models import Product
from tests.support.api import access_token
from tests.support.connect import Refused, WebClient
from tests.support.outages import Link
from tests.support.rpc import Client, GrpcShop, Refusal, refusal_in

READ = "query($id: Int!) { product(id: $id) { stock } }"
ORDER = "mutation($id: Int!) { placeOrder(items: [{productId: $id, quantity: 1}]) { ok } }"
TIMEOUT_S = 60


class Outage(NamedTuple):
    """What a caller learns: the code of the catalogue, the text, when to try again."""

    code: str
    text: str
    retry_after_s: int | None


@dataclass(frozen=True)
class Protocol:
    """How to read a product and how to order one unit of it: each returns None, or the Outage."""

    read: Callable[[], Outage | None]
    order: Callable[[], Outage | None]


class OutageShop(GrpcShop):
    """A gRPC server and an HTTP server on one database."""

    link: Link | None = None  # on the way to it, if it is PostgreSQL

    def protocols(self, user: User, product: Product) -> dict[str, Protocol]:
        """Return the protocols by name; a client of each is signed in as `user`."""
        url = self.servers[1].url
        http = partial(_send, url, f"Bearer {access_token(user)}")
        rpc, web = self.client(user), WebClient(url, user)
        return {
            "REST v1": _over_rest(http, "/api/v1", product),
            "REST v2": _over_rest(http, "/api/v2", product),
            "GraphQL": _over_graphql(http, product),
            "gRPC": _over_messages(rpc, product),
            "Connect": _over_messages(web, product),
        }


def _over_rest(http: Callable[..., httpx.Response], base: str, product: Product) -> Protocol:
    items = [{"product_id": product.pk, "quantity": 1}]
    return Protocol(
        read=lambda: _of_rest(http("GET", f"{base}/products/{product.pk}")),
        order=lambda: _of_rest(http("POST", f"{base}/orders", {"items": items})),
    )


def _over_graphql(http: Callable[..., httpx.Response], product: Product) -> Protocol:
    def sent(query: str) -> Outage | None:
        return _of_graphql(http("POST", "/graphql", {"query": query, "variables": {"id": product.pk}}))

    return Protocol(read=lambda: sent(READ), order=lambda: sent(ORDER))


def _over_messages(client: Client | WebClient, product: Product) -> Protocol:
    items = [{"product_id": product.pk, "quantity": 1}]
    return Protocol(
        read=lambda: _of_messages(client, "GetProduct", id=product.pk),
        order=lambda: _of_messages(client, "PlaceOrder", items=items),
    )


def _send(url: str, authorization: str, method: str, path: str, body: Any = None) -> httpx.Response:
    headers = {"Authorization": authorization}
    return httpx.request(method, url + path, json=body, headers=headers, timeout=TIMEOUT_S)


def _of_rest(answer: httpx.Response) -> Outage | None:
    if answer.is_success:
        return None
    body = answer.json()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, str(body["retry_after"]))
    return Outage(body["code"], body.get("error") or body["detail"], body["retry_after"])


def _of_graphql(answer: httpx.Response) -> Outage | None:
    body = answer.json()
    if "errors" not in body:
        return None
    [error] = body["errors"]
    facts = error["extensions"]
    return Outage(facts["code"].lower(), error["message"], facts.get("retry_after"))


def _of_messages(client: Client | WebClient, method: str, **fields: Any) -> Outage | None:
    try:
        client.call(method, **fields)
    except grpc.RpcError as error:
        return _of_refusal(refusal_in(error))
    except Refused as refused:
        return _of_refusal(refused.args[0])
    return None


def _of_refusal(refusal: Refusal) -> Outage:
    assert refusal.code == "UNAVAILABLE"
    return Outage(refusal.reason, refusal.message, refusal.retry_after_s)
