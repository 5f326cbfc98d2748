"""The client that openapi-python-client writes: each of its modules, and calls of three of them."""

import importlib
import json
import os
import pkgutil

import openapi_python
from openapi_python import AuthenticatedClient, Client
from openapi_python.api.auth import sign_in
from openapi_python.api.orders import place_order
from openapi_python.api.products import list_products
from openapi_python.models import (
    BasketRequest,
    CredentialsRequest,
    Error,
    ListProductsOrder,
    ListProductsSort,
    Order,
    OrderLineRequest,
    PaginatedProductRowList,
    TokenPair,
)

for module in pkgutil.walk_packages(openapi_python.__path__, "openapi_python."):
    importlib.import_module(module.name)

shop = os.environ["SHOP"]
anyone = Client(base_url=shop)
page = list_products.sync(client=anyone, sort=ListProductsSort.PRICE, order=ListProductsOrder.ASC, per_page=1)
assert isinstance(page, PaginatedProductRowList), page
product = page.products[0]


def ordered(client: AuthenticatedClient | Client, quantity: int) -> Order | Error | None:
    items = [OrderLineRequest(product_id=product.id, quantity=quantity)]
    return place_order.sync(client=client, body=BasketRequest(items=items))


unknown = ordered(anyone, 1)
credentials = CredentialsRequest(username=os.environ["USERNAME"], password=os.environ["PASSWORD"])
pair = sign_in.sync(client=anyone, body=credentials)
assert isinstance(pair, TokenPair), pair
customer = AuthenticatedClient(base_url=shop, token=pair.access)
order, refused = ordered(customer, 2), ordered(customer, 1_000)
assert isinstance(order, Order), order
refusals = [error.code.value for error in (unknown, refused) if isinstance(error, Error)]
facts = {"product": product.name, "total": order.total, "status": order.status.value}
print(json.dumps({**facts, "ordered": order.created_at.tzinfo is not None, "refusals": refusals}))
