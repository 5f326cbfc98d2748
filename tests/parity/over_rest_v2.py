"""The shop over REST v2: the verbs of v1, with money as objects and lists by cursor."""

from collections.abc import Callable, Iterable
from typing import Any

from accounts.models import User
from tests.parity.answers import Answer, only
from tests.parity.over_rest import Rest
from tests.support.api import Api

AMOUNTS = ("price", "total", "unit_price", "line_total")


class RestV2(Rest):
    def __init__(self, user: User | None) -> None:
        self.api = Api(user, base="/api/v2")

    def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        read: Callable[[Any], Any] = lambda body: None,
        **headers: str,
    ) -> Answer:
        return super()._ask(method, path, with_objects(body), lambda found: read(with_numbers(found)), **headers)

    def _walk(self, path: str, name: str, fields: Iterable[str]) -> Answer:
        rows: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self._ask("get", path.replace("per_page=", "limit=") + cursor, read=lambda body: body)
            if page.code:
                return page
            rows += [only(fields, row) for row in page.value[name]]
            if page.value["next_cursor"] is None:
                return Answer(value=rows)
            cursor = f"&cursor={page.value['next_cursor']}"


def with_objects(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: with_objects(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_objects(inner) for inner in value]
    return {"amount": value, "currency": "USD"} if name in AMOUNTS and value is not None else value


def with_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"amount", "currency"}:
            return float(value["amount"])
        return {key: with_numbers(inner) for key, inner in value.items()}
    return [with_numbers(inner) for inner in value] if isinstance(value, list) else value
