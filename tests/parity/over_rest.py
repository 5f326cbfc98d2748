"""The shop over REST v1."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse

from accounts.models import User
from tests.parity.answers import (
    CATEGORY,
    HISTORY,
    LEDGER,
    ORDER,
    ORDER_ROW,
    PRICE_CHANGE,
    PRICE_PREVIEW,
    PRODUCT,
    PRODUCT_ROW,
    SALES_REPORT,
    USER,
    Answer,
    only,
)
from tests.support.api import Api


class Rest:
    def __init__(self, user: User | None) -> None:
        self.api = Api(user)

    def product(self, pk: int) -> Answer:
        return self._ask("get", f"/products/{pk}", read=lambda body: only(PRODUCT, body))

    def products(self, *, size: int = 100, **filters: Any) -> Answer:
        order = filters.pop("order_by", "-created_at")
        query = {"per_page": size, "sort": order.removeprefix("-"), "order": "desc" if order[:1] == "-" else "asc"}
        return self._walk(f"/products?{written(query | filters)}", "products", PRODUCT_ROW)

    def create_product(self, **values: Any) -> Answer:
        return self._ask("post", "/products", values, read=lambda body: only(PRODUCT, body))

    def update_product(self, pk: int, **changes: Any) -> Answer:
        return self._ask("patch", f"/products/{pk}", changes, read=lambda body: only(PRODUCT, body))

    def replace_product(self, pk: int, **values: Any) -> Answer:
        return self._ask("put", f"/products/{pk}", values, read=lambda body: only(PRODUCT, body))

    def delete_product(self, pk: int) -> Answer:
        return self._ask("delete", f"/products/{pk}")

    def create_products(self, rows: list[dict[str, Any]]) -> Answer:
        def outcome(row: dict[str, Any]) -> tuple[str | None, dict[str, str]]:
            return row.get("code"), row.get("errors", {})

        return self._ask("post", "/products/batch", rows, read=lambda body: [outcome(row) for row in body["results"]])

    def change_products(self, rows: list[dict[str, Any]]) -> Answer:
        def outcome(row: dict[str, Any]) -> tuple[str | None, dict[str, str]]:
            return row.get("code"), row.get("errors", {})

        return self._ask("post", "/products/changes", rows, read=lambda body: [outcome(row) for row in body["results"]])

    def price_change(self, pk: int) -> Answer:
        return self._ask("get", f"/price-changes/{pk}", read=lambda body: only(PRICE_CHANGE, body))

    def price_changes(self) -> Answer:
        return self._walk("/price-changes?per_page=1", "price_changes", PRICE_CHANGE)

    def preview_prices(self, *, percent: float, **filters: Any) -> Answer:
        path = f"/price-changes/preview?{written(filters)}"
        return self._ask("post", path, {"percent": percent}, read=lambda body: only(PRICE_PREVIEW, body))

    def change_prices(self, *, key: str | None = None, filters: dict[str, Any], **values: Any) -> Answer:
        path, headers = f"/price-changes?{written(filters)}", {} if key is None else {"Idempotency_Key": key}
        return self._ask("post", path, values, read=lambda body: only(PRICE_CHANGE, body), **headers)

    def undo_price_change(self, pk: int) -> Answer:
        path = f"/price-changes/{pk}/undo"
        return self._ask("post", path, read=lambda body: only(PRICE_CHANGE, body))

    def category(self, pk: int) -> Answer:
        return self._ask("get", f"/categories/{pk}", read=lambda body: only(CATEGORY, body))

    def categories(self) -> Answer:
        return self._walk("/categories?per_page=2", "categories", CATEGORY)

    def create_category(self, **values: Any) -> Answer:
        return self._ask("post", "/categories", values, read=lambda body: only(CATEGORY, body))

    def update_category(self, pk: int, **changes: Any) -> Answer:
        return self._ask("patch", f"/categories/{pk}", changes, read=lambda body: only(CATEGORY, body))

    def delete_category(self, pk: int) -> Answer:
        return self._ask("delete", f"/categories/{pk}")

    def correct_stock(self, pk: int, key: str | None = None, **values: Any) -> Answer:
        headers = {} if key is None else {"Idempotency_Key": key}
        return self._ask("post", f"/products/{pk}/stock", values, read=lambda body: only(PRODUCT, body), **headers)

    def revert_product(self, pk: int, **values: Any) -> Answer:
        return self._ask("post", f"/products/{pk}/revert", values, read=lambda body: only(PRODUCT, body))

    def set_product_image(self, pk: int, image: bytes, version: int | None = None) -> Answer:
        headers = {} if version is None else {"If_Match": f'"{pk}-{version}"'}
        read = partial(only, PRODUCT)
        return self._ask("put", f"/products/{pk}/image", image, read=read, content_type="image/png", **headers)

    def remove_product_image(self, pk: int, version: int | None = None) -> Answer:
        headers = {} if version is None else {"If_Match": f'"{pk}-{version}"'}
        return self._ask("delete", f"/products/{pk}/image", **headers)

    def product_history(self, pk: int, **filters: Any) -> Answer:
        return self._walk(f"/products/{pk}/history?{written(filters)}", "changes", LEDGER)

    def order_history(self, pk: int) -> Answer:
        return self._walk(f"/orders/{pk}/history", "changes", HISTORY)

    def me(self) -> Answer:
        return self._ask("get", "/users/me", read=lambda body: only(USER, body))

    def user(self, pk: int) -> Answer:
        return self._ask("get", f"/users/{pk}", read=lambda body: only(USER, body))

    def users(self, **filters: Any) -> Answer:
        return self._walk(f"/users?{written({'per_page': 100} | filters)}", "users", USER)

    def orders(self, **filters: Any) -> Answer:
        return self._walk(f"/orders?{written({'per_page': 100} | filters)}", "orders", ORDER)

    def orders_of(self, pk: int, **filters: Any) -> Answer:
        return self._walk(f"/users/{pk}/orders?{written({'per_page': 100} | filters)}", "orders", ORDER_ROW)

    def order(self, pk: int) -> Answer:
        return self._ask("get", f"/orders/{pk}", read=lambda body: only(ORDER, body))

    def place_order(self, lines: Iterable[tuple[int, int]], key: str | None = None) -> Answer:
        items = [{"product_id": product_id, "quantity": units} for product_id, units in lines]
        headers = {} if key is None else {"Idempotency_Key": key}
        return self._ask("post", "/orders", {"items": items}, read=lambda body: only(ORDER, body), **headers)

    def move_order(self, verb: str, pk: int, **details: str) -> Answer:
        return self._ask("post", f"/orders/{pk}/{verb}", details or None, read=lambda body: only(ORDER, body))

    def move_orders(self, verb: str, moves: list[dict[str, Any]], key: str | None = None) -> Answer:
        def outcome(row: dict[str, Any]) -> tuple[str | None, dict[str, str]]:
            return row.get("code"), row.get("errors") or {}

        body, headers = {"verb": verb, "orders": moves}, {} if key is None else {"Idempotency_Key": key}
        read = lambda body: [outcome(row) for row in body["results"]]  # noqa: E731
        return self._ask("post", "/orders/moves", body, read=read, **headers)

    def sales(self, **days: str) -> Answer:
        return self._ask("get", f"/sales?{written(days)}", read=lambda body: only(SALES_REPORT, body))

    def register(self, **values: Any) -> Answer:
        return self._ask("post", "/users", values, read=lambda body: only(USER, body))

    def sign_in(self, **values: Any) -> Answer:
        return self._ask("post", "/auth/token", values, read=sorted)

    def refresh(self, token: str) -> Answer:
        return self._ask("post", "/auth/token/refresh", {"refresh": token}, read=sorted)

    def sign_out(self, token: str) -> Answer:
        return self._ask("post", "/auth/token/revoke", {"refresh": token})

    def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        read: Callable[[Any], Any] = lambda body: None,
        **headers: str,
    ) -> Answer:
        return self._read(self.api.send(method, path, body, **headers), read)

    @staticmethod
    def _read(response: HttpResponse, read: Callable[[Any], Any]) -> Answer:
        body = response.json() if response.content else None
        if response.status_code >= 400:
            return Answer(body["code"], body.get("errors", {}))
        return Answer(value=read(body))

    def _walk(self, path: str, name: str, fields: Iterable[str]) -> Answer:
        rows: list[dict[str, Any]] = []
        while path:
            response = self.api.get(path)
            if response.status_code >= 400:
                return self._read(response, lambda body: None)
            rows += [only(fields, row) for row in response.json()[name]]
            path = response.json()["pagination"]["next"]
        return Answer(value=rows)


def written(query: dict[str, Any]) -> str:
    return urlencode(query)
