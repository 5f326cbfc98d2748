"""What every door's answers are made of."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from accounts.serializers import UserSerializer
from catalog.serializers import CategorySerializer, ProductSerializer
from orders.serializers import OrderItemSerializer, OrderSerializer
from tests.support.protocol_names import outputs

PRODUCT = sorted(outputs(ProductSerializer))
CATEGORY = sorted(outputs(CategorySerializer))
PRODUCT_ROW = ("id", "name", "price", "stock")
USER = sorted(outputs(UserSerializer))
ORDER_ROW = ("id", "total", "status")
ORDER = sorted(outputs(OrderSerializer))
ITEM = sorted(outputs(OrderItemSerializer))
HISTORY = ("id", "kind", "actor_id", "reason", "fields")
LEDGER = (*HISTORY, "units", "stock")
PRICE_CHANGE = (
    *("id", "actor_id", "percent", "matched", "changed", "unchanged", "refused", "stale", "restored", "left_ids"),
)
PRICE_PREVIEW = ("percent", "matched", "changed", "unchanged", "refused", "as_of", "examples", "refusals")
PRICE_EXAMPLE = ("product_id", "sku", "name", "price", "new_price", "problem")
SALES_REPORT = ("time_zone", "sales", "before", "days", "best_sellers")
PERIOD_SALES = (
    *("created_from", "created_to", "order_count", "revenue", "average_order"),
    *("cancelled_count", "cancelled_total", "refunded_count", "refunded_total"),
)
DAY_SALES = ("day", "order_count", "revenue")
BEST_SELLER = ("product_id", "name", "is_deleted", "units", "revenue")
NESTED = {"sales": PERIOD_SALES, "before": PERIOD_SALES, "days": DAY_SALES, "best_sellers": BEST_SELLER}
FIELD_CHANGE = ("field", "old", "new")
MOMENTS = ("created_at", "updated_at")


SIZE = dict.fromkeys(("per_page", "limit", "first", "page_size"), "size")  # each protocol's word for the rows a page


class Answer(NamedTuple):
    """What a door said: a code of the catalogue and texts by field, or the value asked for."""

    code: str | None = None
    fields: dict[str, str] = {}  # never changed
    value: Any = None

    @property
    def named(self) -> set[str]:
        """The fields that are bad, by names that all protocols share."""
        return {SIZE.get(name, name) for name in self.fields}


def only(names: Iterable[str], row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in names}


def in_unix_seconds(value: Any) -> Any:
    """Write the moments of a value as gRPC does; REST and GraphQL write ISO 8601."""
    if isinstance(value, Answer):
        return value._replace(value=in_unix_seconds(value.value))
    if isinstance(value, list):
        return [in_unix_seconds(inner) for inner in value]
    if isinstance(value, dict):
        return {name: _seconds(inner) if name in MOMENTS else in_unix_seconds(inner) for name, inner in value.items()}
    return value


def _seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())
