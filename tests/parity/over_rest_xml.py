"""The shop over REST in XML, read and written by the standard library's ElementTree as a client would."""

from collections.abc import Callable, Iterable
from typing import Any
from xml.etree import ElementTree

from django.http import HttpResponse

from tests.parity.answers import Answer, only
from tests.parity.over_rest import Rest
from tests.parity.over_rest_v2 import RestV2

NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
LISTS = (
    "products",
    "price_changes",
    "examples",
    "refusals",
    "left_ids",
    "categories",
    "orders",
    "users",
    "items",
    "results",
    "changes",
    "fields",
    "days",
    "best_sellers",
)
WHOLE = (
    "actor_id",
    "reorder_level",
    "category_id",
    "parent_id",
    "units",
    "id",
    "stock",
    "version",
    "user_id",
    "product_id",
    "quantity",
    "created",
    "failed",
    "matched",
    "changed",
    "unchanged",
    "refused",
    "stale",
    "restored",
    "left_id",
    "index",
    "status",
    "order_count",
    "cancelled_count",
    "refunded_count",
)
AMOUNTS_OF_REPORTS = ("revenue", "average_order", "cancelled_total", "refunded_total")
FRACTIONS = (*AMOUNTS_OF_REPORTS, "percent", "new_price", "price", "total", "unit_price", "line_total")


class InXml:
    def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        read: Callable[[Any], Any] = lambda body: None,
        **headers: str,
    ) -> Answer:
        if body is not None and not isinstance(body, bytes):
            body = ElementTree.tostring(element("products" if isinstance(body, list) else "body", body))
            headers["content_type"] = "application/xml"
        return super()._ask(method, path, body, read, Accept="application/xml", **headers)

    @staticmethod
    def _read(response: HttpResponse, read: Callable[[Any], Any]) -> Answer:
        body = value_of(ElementTree.fromstring(response.content)) if response.content else None
        if response.status_code >= 400:
            assert response["Content-Type"] in ("application/xml", "application/problem+xml")
            return Answer(body["code"], body.get("errors") or {})
        assert response.status_code == 204 or response["Content-Type"] == "application/xml"
        return Answer(value=read(body))


class RestInXml(InXml, Rest):
    def _walk(self, path: str, name: str, fields: Iterable[str]) -> Answer:
        rows: list[dict[str, Any]] = []
        while path:
            page = self._ask("get", path, read=lambda body: body)
            if page.code:
                return page
            rows += [only(fields, row) for row in page.value[name]]
            path = page.value["pagination"]["next"]
        return Answer(value=rows)


class RestV2InXml(RestV2, InXml, Rest):
    """Money as objects first, then XML."""


def element(name: str, value: Any) -> ElementTree.Element:
    made = ElementTree.Element(name)
    if value is None:
        made.set(NIL, "true")
    elif isinstance(value, dict):
        made.extend([element(key, inner) for key, inner in value.items()])
    elif isinstance(value, list):
        made.extend([element(name[:-1], inner) for inner in value])
    else:
        made.text = str(value)
    return made


def value_of(found: ElementTree.Element) -> Any:
    name = found.tag.rpartition("}")[2]
    if found.get(NIL) == "true":
        return None
    if name == "errors":
        return {error.get("field"): error.text for error in found}
    if name in LISTS:
        return [value_of(item) for item in found]
    if len(found):
        return {child.tag.rpartition("}")[2]: value_of(child) for child in found}
    text = found.text or ""
    if name == "is_deleted":
        return text == "true"
    if name in WHOLE and text.removeprefix("-").isdigit():
        return int(text)
    return float(text) if name in FRACTIONS else text
