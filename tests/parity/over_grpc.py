"""The shop over gRPC."""

from collections.abc import Callable, Iterable
from typing import Any

import grpc
from google.protobuf.message import Message

from protos.order_pb2 import OrderItemInput
from protos.product_pb2 import CreateProductRequest
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
from tests.support.connect import Refused
from tests.support.rpc import TIMEOUT_S, Client, refusal_in

MAX_PAGE_SIZE = 100


class Grpc:
    def __init__(self, client: Client) -> None:
        self.client = client

    def product(self, pk: int) -> Answer:
        return self._ask("GetProduct", lambda answer: row_of(answer.product, PRODUCT), id=pk)

    def products(self, *, size: int = MAX_PAGE_SIZE, order_by: str = "", **filters: Any) -> Answer:
        return self._walk("ListProducts", "products", PRODUCT_ROW, page_size=size, sort_by=order_by, **filters)

    def create_product(self, **values: Any) -> Answer:
        return self._ask("CreateProduct", lambda answer: row_of(answer.product, PRODUCT), **values)

    def update_product(self, pk: int, **changes: Any) -> Answer:
        if "version" in changes:
            changes["expected_version"] = changes.pop("version")
        return self._ask("UpdateProduct", lambda answer: row_of(answer.product, PRODUCT), id=pk, **changes)

    def delete_product(self, pk: int) -> Answer:
        return self._ask("DeleteProduct", id=pk)

    def create_products(self, rows: list[dict[str, Any]]) -> Answer:
        def send() -> Any:
            metadata = tuple(self.client.metadata.items())
            requests = (CreateProductRequest(**row) for row in rows)
            return self.client.method("BatchCreateProducts")(requests, metadata=metadata, timeout=TIMEOUT_S)

        return answer_to(send, lambda answer: batch_outcomes(answer, len(rows)))

    def change_products(self, rows: list[dict[str, Any]]) -> Answer:
        def outcomes(answer: Any) -> list[Any]:
            refused = {failure.index: (failure.code, dict(failure.fields)) for failure in answer.failures}
            assert answer.changed_count == len(rows) - len(refused)
            return [refused.get(n, (None, {})) for n in range(len(rows))]

        return self._ask("BatchChangeProducts", outcomes, changes=rows)

    def price_change(self, pk: int) -> Answer:
        return self._ask("GetPriceChange", lambda answer: row_of(answer.price_change, PRICE_CHANGE), id=pk)

    def price_changes(self) -> Answer:
        return self._walk("ListPriceChanges", "price_changes", PRICE_CHANGE, page_size=1)

    def preview_prices(self, **asked: Any) -> Answer:
        return self._ask("PreviewPrices", lambda answer: row_of(answer.preview, PRICE_PREVIEW), **asked)

    def change_prices(self, *, key: str | None = None, filters: dict[str, Any], **values: Any) -> Answer:
        asked = values | filters | {"metadata": {} if key is None else {"idempotency-key": key}}
        return self._ask("ChangePrices", lambda answer: row_of(answer.price_change, PRICE_CHANGE), **asked)

    def undo_price_change(self, pk: int) -> Answer:
        return self._ask("UndoPriceChange", lambda answer: row_of(answer.price_change, PRICE_CHANGE), id=pk)

    def category(self, pk: int) -> Answer:
        return self._ask("GetCategory", lambda answer: row_of(answer.category, CATEGORY), id=pk)

    def categories(self) -> Answer:
        return self._walk("ListCategories", "categories", CATEGORY, page_size=2)

    def create_category(self, **values: Any) -> Answer:
        return self._ask("CreateCategory", lambda answer: row_of(answer.category, CATEGORY), **values)

    def update_category(self, pk: int, **changes: Any) -> Answer:
        return self._ask("UpdateCategory", lambda answer: row_of(answer.category, CATEGORY), id=pk, **changes)

    def delete_category(self, pk: int) -> Answer:
        return self._ask("DeleteCategory", id=pk)

    def correct_stock(self, pk: int, key: str | None = None, **values: Any) -> Answer:
        asked = values | {"id": pk, "metadata": {} if key is None else {"idempotency-key": key}}
        return self._ask("CorrectStock", lambda answer: row_of(answer.product, PRODUCT), **asked)

    def revert_product(self, pk: int, **values: Any) -> Answer:
        return self._ask("RevertProduct", lambda answer: row_of(answer.product, PRODUCT), id=pk, **values)

    def set_product_image(self, pk: int, image: bytes, version: int | None = None) -> Answer:
        fields = {"id": pk, "image": image, "expected_version": version}
        return self._ask("SetProductImage", lambda answer: row_of(answer.product, PRODUCT), **fields)

    def remove_product_image(self, pk: int, version: int | None = None) -> Answer:
        return self._ask("RemoveProductImage", id=pk, expected_version=version)

    def product_history(self, pk: int, **filters: Any) -> Answer:
        return self._walk("ListProductHistory", "changes", LEDGER, id=pk, **filters)

    def order_history(self, pk: int) -> Answer:
        return self._walk("ListOrderHistory", "changes", HISTORY, id=pk)

    def me(self) -> Answer:
        return self._ask("GetMe", lambda answer: row_of(answer.user, USER))

    def user(self, pk: int) -> Answer:
        return self._ask("GetUser", lambda answer: row_of(answer.user, USER), id=pk)

    def users(self, **filters: Any) -> Answer:
        return self._walk("ListUsers", "users", USER, page_size=MAX_PAGE_SIZE, **filters)

    def orders(self, **filters: Any) -> Answer:
        return self._walk("ListOrders", "orders", ORDER, page_size=MAX_PAGE_SIZE, **filters)

    def orders_of(self, pk: int, **filters: Any) -> Answer:
        return self._walk("ListUserOrders", "orders", ORDER_ROW, page_size=MAX_PAGE_SIZE, user_id=pk, **filters)

    def order(self, pk: int) -> Answer:
        return self._ask("GetOrder", lambda answer: row_of(answer.order, ORDER), id=pk)

    def place_order(self, lines: Iterable[tuple[int, int]], key: str | None = None) -> Answer:
        items = [OrderItemInput(product_id=product_id, quantity=units) for product_id, units in lines]
        metadata = {} if key is None else {"idempotency-key": key}
        return self._ask("PlaceOrder", lambda answer: row_of(answer.order, ORDER), metadata=metadata, items=items)

    def move_order(self, verb: str, pk: int, **details: str) -> Answer:
        return self._ask(f"{verb.capitalize()}Order", lambda answer: row_of(answer.order, ORDER), id=pk, **details)

    def move_orders(self, verb: str, moves: list[dict[str, Any]], key: str | None = None) -> Answer:
        def outcomes(answer: Any) -> list[Any]:
            refused = {failure.index: (failure.code, dict(failure.fields)) for failure in answer.failures}
            assert answer.moved_count == len(moves) - len(refused)
            return [refused.get(n, (None, {})) for n in range(len(moves))]

        metadata = {} if key is None else {"idempotency-key": key}
        return self._ask("BatchMoveOrders", outcomes, metadata=metadata, verb=verb, orders=moves)

    def sales(self, **days: str) -> Answer:
        return self._ask("GetSales", lambda answer: row_of(answer.report, SALES_REPORT), **days)

    def register(self, **values: Any) -> Answer:
        return self._ask("RegisterUser", lambda answer: row_of(answer.user, USER), **values)

    def sign_in(self, **values: Any) -> Answer:
        return self._ask("ObtainToken", names_of, **values)

    def refresh(self, token: str) -> Answer:
        return self._ask("RefreshToken", names_of, refresh=token)

    def sign_out(self, token: str) -> Answer:
        return self._ask("RevokeToken", refresh=token)

    def _ask(self, method: str, read: Callable[[Any], Any] = lambda answer: None, /, **fields: Any) -> Answer:
        return answer_to(lambda: self.client.call(method, **fields), read)

    def _walk(self, method: str, name: str, fields: Iterable[str], **asked: Any) -> Answer:
        rows: list[Any] = []
        page, pages = 0, 1
        while page < pages:
            page += 1
            answer = answer_to(lambda page=page: self.client.call(method, page=page, **asked), lambda found: found)
            if answer.code:
                return answer
            rows += [row_of(message, fields) for message in getattr(answer.value, name)]
            pages = answer.value.total_pages
        return Answer(value=rows)


def answer_to(call: Callable[[], Any], read: Callable[[Any], Any]) -> Answer:
    try:
        return Answer(value=read(call()))
    except grpc.RpcError as error:
        refusal = refusal_in(error)
    except Refused as refused:
        refusal = refused.args[0]
    return Answer(refusal.reason, {field_of(name): text for name, text in refusal.fields.items()})


def batch_outcomes(answer: Any, rows: int) -> list[Any]:
    """Return the code and the texts by field of each of `rows` rows, (None, {}) for a row that was created."""
    refused = {failure.index: (failure.code, dict(failure.fields)) for failure in answer.failures}
    assert answer.created_count == rows - len(refused)
    return [refused.get(n, (None, {})) for n in range(rows)]


def row_of(message: Message, names: Iterable[str]) -> dict[str, Any]:
    """Read fields of a message; one that is `optional` and unset is None."""
    return {name: _value_of(message, name) for name in names}


def _value_of(message: Message, name: str) -> Any:
    if name == "items":
        return [row_of(item, ITEM) for item in message.items]
    if name == "fields":
        return [row_of(change, FIELD_CHANGE) for change in message.fields]
    if name in ("examples", "refusals"):
        return [row_of(example, PRICE_EXAMPLE) for example in getattr(message, name)]
    if name in NESTED:
        found, names = getattr(message, name), NESTED[name]
        return row_of(found, names) if isinstance(found, Message) else [row_of(row, names) for row in found]
    if name == "left_ids":
        return list(message.left_ids)
    is_unset = message.DESCRIPTOR.fields_by_name[name].has_presence and not message.HasField(name)
    return None if is_unset else getattr(message, name)


def names_of(message: Message) -> list[str]:
    return sorted(field.name for field, _ in message.ListFields())


def field_of(name: str) -> str:
    return {"sort_by": "sort", "expected_version": "version"}.get(name, name)
