"""The text that quickstart prints: URLs, demo users, and commands to try."""

import json
import os
import shlex
import sys

from accounts.models import User
from catalog.models import Product
from orders.models import Order
from samples.demo.loading import CUSTOMER, STAFF

UNKNOWN_PASSWORD = "<password>"  # noqa: S105  # if only the hash is stored

PAGE = '{"page_size": 5, "sort_by": "price"}'


def welcome(url: str, grpc: str, passwords: dict[str, str | None], name: str) -> str:
    """Return the text; `grpc` is an address.

    `passwords` maps the demo users to their passwords, or to None if only the hash is stored.
    """
    return "\n".join(
        (
            f"{name} is running: {Product.objects.count()} products, {User.objects.count()} users, "
            f"{Order.objects.count()} orders.",
            "",
            f"  Compare    {url}/  (REST, GraphQL or gRPC: when to use each)",
            f"  Products   {url}/api/v1/products",
            f"  API docs   {url}/api/docs",
            f"  GraphQL    {url}/graphql",
            f"  Admin      {url}/admin/",
            f"  gRPC       {grpc}  (protos/*.proto; reflection is open)",
            "",
            *_sign_in(passwords),
            "",
            "Five things to try:",
            "",
            *_things_to_try(url, grpc, passwords[CUSTOMER]),
            "",
            "Press Ctrl-C to stop.",
        )
    )


def _sign_in(passwords: dict[str, str | None]) -> list[str]:
    lines = [f"  Sign in    {user} / {password}" for user, password in passwords.items() if password is not None]
    if None in passwords.values():
        users = " and ".join(user for user, password in passwords.items() if password is None)
        lines.append(f"  Sign in    {users}: use the password of the first start (DEMO_PASSWORD applies only there);")
        lines.append(f"             `{_python()} manage.py changepassword {STAFF}` changes it")
    return lines


def _python() -> str:
    """Return the interpreter that runs, as typed in this folder: another one may lack the packages."""
    path = sys.executable
    relative = os.path.relpath(path)
    return shlex.quote(path if relative.startswith(os.pardir) else relative)


def _things_to_try(url: str, grpc: str, password: str | None) -> list[str]:
    sign_in = shlex.quote(json.dumps({"username": CUSTOMER, "password": password or UNKNOWN_PASSWORD}))
    product = Product.objects.filter(stock__gt=1).first()
    order = shlex.quote(json.dumps({"items": [{"product_id": product.pk if product else 1, "quantity": 2}]}))
    question = shlex.quote(
        json.dumps({"query": '{allProducts(first: 5, orderBy: "price") {edges {node {name price}}}}'})
    )
    json_type = "-H 'Content-Type: application/json'"
    read_access = "python3 -c 'import json, sys; print(json.load(sys.stdin)[\"access\"])'"
    return [
        "  1. The five cheapest products:",
        f"     curl '{url}/api/v1/products?sort=price&order=asc&per_page=5'",
        f"  2. Sign in as {CUSTOMER}, and order:",
        f"     TOKEN=$(curl -s {url}/api/v1/auth/token {json_type} -d {sign_in} | {read_access})",
        f'     curl {url}/api/v1/orders -H "Authorization: Bearer $TOKEN" {json_type} -d {order}',
        "  3. The same query in GraphQL (in a browser, this URL opens GraphiQL):",
        f"     curl {url}/graphql {json_type} -d {question}",
        "  4. The same in gRPC, with grpcurl, and every call of gRPC in Python:",
        f"     grpcurl -plaintext {grpc} list",
        f"     grpcurl -plaintext -d '{PAGE}' {grpc} ecommerce.ProductService/ListProducts",
        f"     {_python()} examples/grpc_client.py {grpc}",
        f"  5. Find that order in the admin as {STAFF}, mark it paid and ship it:",
        f"     {url}/admin/orders/order/",
    ]
