"""Products over WebSocket."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from catalog.feed import facts_of, is_of
from catalog.live import set_price
from ecommerce.errors import DomainError, InvalidInput
from ecommerce.feed.events import Event
from ecommerce.live.exchanges import Exchange, ExchangeSockets


def _take(item: dict[str, Any], headers: Mapping[str, str], address: str) -> None:
    product_id = _id_in(item)
    if product_id is None:
        raise InvalidInput("product_id must be a whole number")
    set_price(headers=headers, address=address, product_id=product_id, price=item.get("new_price"))


def _id_in(item: Any) -> int | None:
    found = item.get("product_id") if isinstance(item, dict) else None
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _told(event: Event) -> dict[str, Any]:
    return facts_of(event) | {"cursor": event.cursor}


def _refused(item: Any, refusal: DomainError) -> dict[str, Any]:
    return {"product_id": _id_in(item), "error_code": refusal.code, "error_message": refusal.message}


live_prices = ExchangeSockets(Exchange(match=partial(is_of, 0), write=_told, take=_take, refused=_refused))
