"""What quickstart prints: where the shop is, who can sign in, what to try."""

import json
import shlex

from accounts.models import User
from catalog.models import Product
from orders.demo.loading import CUSTOMER, STAFF
from orders.models import Order

UNKNOWN_PASSWORD = "<password>"  # stands in for the one that only its hash is left of


def welcome(url: str, grpc: str, passwords: dict[str, str | None], name: str) -> str:
    """Return the text; `grpc` is an address.

    `passwords` maps the demo users to their passwords, None for one that is not known any more.
    """
    return "\n".join(
        (
            f"{name} is open: {Product.objects.count()} products, {User.objects.count()} users, "
            f"{Order.objects.count()} orders.",
            "",
            f"  Products   {url}/api/v1/products",
            f"  API docs   {url}/api/docs",
            f"  GraphQL    {url}/graphql",
            f"  Admin      {url}/admin/",
            f"  gRPC       {grpc}  (protos/*.proto; try: python examples/grpc_client.py {grpc})",
            "",
            *_sign_in(passwords),
            "",
            "Four things to try:",
            "",
            *_things_to_try(url, passwords[CUSTOMER]),
            "",
            "Ctrl-C ends it.",
        )
    )


def _sign_in(passwords: dict[str, str | None]) -> list[str]:
    lines = [f"  Sign in    {user} / {password}" for user, password in passwords.items() if password is not None]
    if None in passwords.values():
        known = " and ".join(user for user, password in passwords.items() if password is None)
        lines.append(f"  Sign in    {known}: with the password of the first start, where alone DEMO_PASSWORD counts;")
        lines.append(f"             `python manage.py changepassword {STAFF}` sets another")
    return lines


def _things_to_try(url: str, password: str | None) -> list[str]:
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
        "  3. The same question in GraphQL; in a browser that address is GraphiQL:",
        f"     curl {url}/graphql {json_type} -d {question}",
        f"  4. Find that order in the admin as {STAFF}, mark it paid and ship it:",
        f"     {url}/admin/orders/order/",
    ]
