"""The shop over GraphQL, asked for the same fields."""

import re
from base64 import b64encode
from collections.abc import Iterable
from typing import Any

from graphene.utils.str_converters import to_camel_case

from accounts.models import User
from tests.parity.answers import (
    CATEGORY,
    FIELD_CHANGE,
    HISTORY,
    ITEM,
    LEDGER,
    NESTED,
    ORDER,
    ORDER_ROW,
    PRICE_CHANGE,
    PRICE_EXAMPLE,
    PRICE_PREVIEW,
    PRODUCT,
    PRODUCT_ROW,
    SALES_REPORT,
    USER,
    Answer,
)
from tests.support.graph import Graph


class GraphQL:
    def __init__(self, user: User | None) -> None:
        self.graph = Graph(user)

    def product(self, pk: int) -> Answer:
        return self._ask("query", "product", selection_of(PRODUCT), id=pk)

    def products(self, *, size: int = 100, **filters: Any) -> Answer:
        return self._walk("allProducts", selection_of(PRODUCT_ROW), first=size, **filters)

    def create_product(self, **values: Any) -> Answer:
        return self._ask("mutation", "createProduct", f"ok product {selection_of(PRODUCT)}", "product", **values)

    def update_product(self, pk: int, **changes: Any) -> Answer:
        if "version" in changes:
            changes["expected_version"] = changes.pop("version")
        return self._ask(
            "mutation", "updateProduct", f"ok product {selection_of(PRODUCT)}", "product", id=pk, **changes
        )

    def delete_product(self, pk: int) -> Answer:
        return self._ask("mutation", "deleteProduct", "ok", "nothing", id=pk)

    def create_products(self, rows: list[dict[str, Any]]) -> Answer:
        selection = "products { pk } errors { index code fields { field message } }"
        answer = self._ask("mutation", "batchCreateProducts", selection, products=rows)
        if answer.code:
            return answer
        return Answer(value=outcomes_in(answer.value))

    def change_products(self, rows: list[dict[str, Any]]) -> Answer:
        selection = "products { pk } errors { index code fields { field message } }"
        answer = self._ask("mutation", "batchChangeProducts", selection, changes=rows)
        return answer if answer.code else Answer(value=outcomes_in(answer.value))

    def price_change(self, pk: int) -> Answer:
        return self._ask("query", "priceChange", selection_of(PRICE_CHANGE), id=pk)

    def price_changes(self) -> Answer:
        return self._walk("allPriceChanges", selection_of(PRICE_CHANGE), first=1)

    def preview_prices(self, **asked: Any) -> Answer:
        return self._ask("query", "previewPrices", selection_of(PRICE_PREVIEW), **asked)

    def change_prices(self, *, key: str | None = None, filters: dict[str, Any], **values: Any) -> Answer:
        selection, asked = f"ok priceChange {selection_of(PRICE_CHANGE)}", values | filters
        return self._ask("mutation", "changePrices", selection, "price_change", idempotency_key=key, **asked)

    def undo_price_change(self, pk: int) -> Answer:
        selection = f"ok priceChange {selection_of(PRICE_CHANGE)}"
        return self._ask("mutation", "undoPriceChange", selection, "price_change", id=pk)

    def category(self, pk: int) -> Answer:
        return self._ask("query", "category", selection_of(CATEGORY), id=pk)

    def categories(self) -> Answer:
        return self._walk("allCategories", selection_of(CATEGORY), first=2)

    def create_category(self, **values: Any) -> Answer:
        return self._ask("mutation", "createCategory", f"ok category {selection_of(CATEGORY)}", "category", **values)

    def update_category(self, pk: int, **changes: Any) -> Answer:
        selection = f"ok category {selection_of(CATEGORY)}"
        return self._ask("mutation", "updateCategory", selection, "category", id=pk, **changes)

    def delete_category(self, pk: int) -> Answer:
        return self._ask("mutation", "deleteCategory", "ok", "nothing", id=pk)

    def correct_stock(self, pk: int, key: str | None = None, **values: Any) -> Answer:
        selection = f"ok product {selection_of(PRODUCT)}"
        return self._ask("mutation", "correctStock", selection, "product", id=pk, idempotency_key=key, **values)

    def revert_product(self, pk: int, **values: Any) -> Answer:
        selection = f"ok product {selection_of(PRODUCT)}"
        return self._ask("mutation", "revertProduct", selection, "product", id=pk, **values)

    def set_product_image(self, pk: int, image: bytes, version: int | None = None) -> Answer:
        selection, text = f"ok product {selection_of(PRODUCT)}", b64encode(image).decode()
        arguments = {"id": pk, "image": text, "expected_version": version}
        return self._ask("mutation", "setProductImage", selection, "product", **arguments)

    def remove_product_image(self, pk: int, version: int | None = None) -> Answer:
        return self._ask("mutation", "removeProductImage", "ok", "nothing", id=pk, expected_version=version)

    def product_history(self, pk: int, **filters: Any) -> Answer:
        return self._walk("productHistory", selection_of(LEDGER), id=pk, **filters)

    def order_history(self, pk: int) -> Answer:
        return self._walk("orderHistory", selection_of(HISTORY), id=pk)

    def me(self) -> Answer:
        return self._ask("query", "me", selection_of(USER))

    def user(self, pk: int) -> Answer:
        return self._ask("query", "user", selection_of(USER), id=pk)

    def users(self, **filters: Any) -> Answer:
        return self._walk("allUsers", selection_of(USER), **filters)

    def orders(self, **filters: Any) -> Answer:
        return self._walk("allOrders", selection_of(ORDER), **filters)

    def orders_of(self, pk: int, **filters: Any) -> Answer:
        if filters:
            given = ", ".join(f'{to_camel_case(name)}: "{value}"' for name, value in filters.items())
            selection = f"ordersConnection({given}) {{ edges {{ node {selection_of(ORDER_ROW)} }} }}"
            answer = self._ask("query", "user", selection, "orders_connection", id=pk)
            return answer._replace(value=answer.value and [edge["node"] for edge in answer.value["edges"]])
        return self._ask("query", "user", f"orders {selection_of(ORDER_ROW)}", "orders", id=pk)

    def order(self, pk: int) -> Answer:
        return self._ask("query", "order", selection_of(ORDER), id=pk)

    def place_order(self, lines: Iterable[tuple[int, int]], key: str | None = None) -> Answer:
        items = [{"product_id": product_id, "quantity": units} for product_id, units in lines]
        return self._ask(
            "mutation", "placeOrder", f"ok order {selection_of(ORDER)}", "order", items=items, idempotency_key=key
        )

    def move_order(self, verb: str, pk: int, **details: str) -> Answer:
        return self._ask("mutation", f"{verb}Order", f"ok order {selection_of(ORDER)}", "order", id=pk, **details)

    def move_orders(self, verb: str, moves: list[dict[str, Any]], key: str | None = None) -> Answer:
        selection = "orders { pk } errors { index code fields { field message } }"
        arguments = {"verb": EnumValue(verb.upper()), "orders": moves, "idempotency_key": key}
        answer = self._ask("mutation", "batchMoveOrders", selection, **arguments)
        return answer if answer.code else Answer(value=outcomes_in(answer.value, "orders"))

    def sales(self, **days: str) -> Answer:
        return self._ask("query", "sales", selection_of(SALES_REPORT), **days)

    def register(self, **values: Any) -> Answer:
        return self._ask("mutation", "registerUser", f"ok user {selection_of(USER)}", "user", **values)

    def sign_in(self, **values: Any) -> Answer:
        answer = self._ask("mutation", "obtainToken", "access refresh", **values)
        return answer._replace(value=answer.value and sorted(answer.value))

    def refresh(self, token: str) -> Answer:
        answer = self._ask("mutation", "refreshToken", "access refresh", refresh=token)
        return answer._replace(value=answer.value and sorted(answer.value))

    def sign_out(self, token: str) -> Answer:
        return self._ask("mutation", "revokeToken", "ok", "nothing", refresh=token)

    def _ask(self, kind: str, field: str, selection: str, part: str | None = None, /, **arguments: Any) -> Answer:
        """Ask for one field and return it, or its `part`."""
        names = ", ".join(f"{to_camel_case(name)}: {literal(value)}" for name, value in arguments.items())
        selection = selection if selection.startswith("{") else f"{{ {selection} }}"
        response = self.graph.send(f"{kind} {{ {field}{f'({names})' if names else ''} {selection} }}")
        body = response.json()
        if "errors" in body:
            facts = body["errors"][0]["extensions"]
            texts = {field_of(name): text for name, text in facts.get("fields", {}).items()}
            return Answer(facts["code"].lower(), texts)
        value = neutral(body["data"][field])
        if value.get("ok") is False:  # an unknown id, in update and delete
            return Answer("not_found")
        return Answer(value=value.get(part) if part else value)

    def _walk(self, field: str, selection: str, **arguments: Any) -> Answer:
        rows: list[Any] = []
        after, has_next = None, True
        while has_next:
            page = f"pageInfo {{ hasNextPage endCursor }} edges {{ node {selection} }}"
            answer = self._ask("query", field, page, after=after, **arguments)
            if answer.code:
                return answer
            rows += [edge["node"] for edge in answer.value["edges"]]
            has_next, after = answer.value["page_info"]["has_next_page"], answer.value["page_info"]["end_cursor"]
        return Answer(value=rows)


class EnumValue(str):
    """The name of a value of an enum: GraphQL writes it without quotes."""


def outcomes_in(batch: dict[str, Any], rows: str = "products") -> list[Any]:
    """Return the code and the texts by field of each row of a batch."""
    refused = {
        error["index"]: (
            error["code"].lower(),
            {in_snake_case(row["field"]): row["message"] for row in error["fields"]},
        )
        for error in batch["errors"]
    }
    return [refused.get(n, (None, {})) for n in range(len(batch[rows]))]


def selection_of(names: Iterable[str]) -> str:
    return f"{{ {' '.join(map(_field, names))} }}"


def _field(name: str) -> str:
    if name == "items":
        return f"items {selection_of(ITEM)}"
    if name == "fields":
        return f"fields {selection_of(FIELD_CHANGE)}"
    if name in ("examples", "refusals"):
        return f"{name} {selection_of(PRICE_EXAMPLE)}"
    if name in NESTED:
        return f"{to_camel_case(name)} {selection_of(NESTED[name])}"
    return "pk" if name == "id" else to_camel_case(name)


def literal(value: Any) -> str:
    """Write a value as GraphQL does."""
    match value:
        case dict():
            return "{" + ", ".join(f"{to_camel_case(name)}: {literal(inner)}" for name, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(literal, value)) + "]"
        case EnumValue():
            return str(value)
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "\\u0000") + '"'
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case _:
            return str(value)


def neutral(value: Any) -> Any:
    """Give what GraphQL answers the names of the database."""
    if isinstance(value, list):
        return [neutral(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    row = {in_snake_case(name): neutral(inner) for name, inner in value.items()}
    if "pk" in row:
        row["id"] = row.pop("pk")
    if "status" in row:
        row["status"] = row["status"].lower()
    return row


def field_of(argument: str) -> str:
    return {"orderBy": "sort", "expectedVersion": "version"}.get(argument) or in_snake_case(argument)


def in_snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])([A-Z])", lambda found: f"_{found[1].lower()}", name)
