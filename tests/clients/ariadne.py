"""The client that ariadne-codegen writes."""

import json
import os
from collections.abc import Callable

from ariadne_client import Client
from ariadne_client.exceptions import GraphQLClientGraphQLMultiError
from ariadne_client.input_types import OrderItemInput

url = f"{os.environ['SHOP']}/graphql"
anyone = Client(url)
product = anyone.cheapest().all_products.edges[0].node


def items(quantity: int) -> list[OrderItemInput]:
    return [OrderItemInput(productId=product.pk, quantity=quantity)]


def refusal(call: Callable[[], object]) -> str:
    try:
        call()
    except GraphQLClientGraphQLMultiError as error:
        return error.errors[0].extensions["code"].lower()
    raise AssertionError("not refused")


unknown = refusal(lambda: anyone.place_order(items(1)))
pair = anyone.sign_in(os.environ["USERNAME"], os.environ["PASSWORD"]).obtain_token
customer = Client(url, headers={"Authorization": f"Bearer {pair.access}"})
order = customer.place_order(items(2)).place_order.order
refusals = [unknown, refusal(lambda: customer.place_order(items(1_000)))]
facts = {"product": product.name, "total": order.total, "status": order.status.value.lower()}
print(json.dumps({**facts, "ordered": order.created_at.tzinfo is not None, "refusals": refusals}))
