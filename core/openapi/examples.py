"""Converts examples of v1 to v2."""

import json
import re
from decimal import Decimal

from django.conf import settings

AMOUNTS = (
    *("price", "new_price", "total", "unit_price", "line_total"),
    *("revenue", "average_order", "cancelled_total", "refunded_total"),
)
PRICE_IN_STREAM = re.compile(r'("new_price":)(\d+\.\d+)')


def in_second_version(value: object, name: str = "") -> object:
    """Return examples with amounts as objects, URLs of v2, and refusals as problem documents."""
    if isinstance(value, dict):
        row = {key: in_second_version(inner, key) for key, inner in value.items()}
        if {"id", "url"} <= row.keys() and "index" not in row:
            row["version"] = 1  # rows of lists have it in v2 only
        return _problem(row) if {"error", "code", "status"} <= row.keys() else row
    if isinstance(value, list):
        return [in_second_version(inner) for inner in value]
    if name in AMOUNTS and not isinstance(value, str):
        return {"amount": f"{value:.2f}", "currency": settings.STORE_CURRENCY}
    return _text(value) if isinstance(value, str) else value


def _text(value: str) -> str:
    return PRICE_IN_STREAM.sub(_amount, value.replace("/api/v1/", "/api/v2/"))


def _amount(found: re.Match[str]) -> str:
    money = {"amount": f"{Decimal(found[2]):.2f}", "currency": settings.STORE_CURRENCY}
    return found[1] + json.dumps(money, separators=(",", ":"))


def _problem(row: dict[str, object]) -> dict[str, object]:
    detail = row.pop("error")
    return {"type": f"/api/problems/{row['code']}", "title": "Invalid input", "detail": detail, **row}
