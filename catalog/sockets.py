"""Products over WebSocket."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from catalog.feed import is_of, product_facts
from catalog.live import PRICES_PATH, set_price
from core.errors import DomainError, InvalidInput
from core.models import Event
from core.protocols.live.feed_sockets import FeedSockets, SocketSpec


def _set_price_of(item: dict[str, object], headers: Mapping[str, str], address: str) -> None:
    product_id = _id_in(item)
    if product_id is None:
        raise InvalidInput("product_id must be a whole number")
    set_price(headers=headers, address=address, product_id=product_id, price=item.get("new_price"))


def _id_in(item: object) -> int | None:
    found = item.get("product_id") if isinstance(item, dict) else None
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _as_json(event: Event) -> dict[str, object]:
    return product_facts(event) | {"cursor": event.cursor}


def _refused(item: Any, refusal: DomainError) -> dict[str, Any]:
    reply = {"product_id": _id_in(item), "error_code": refusal.code, "error_message": refusal.message}
    return reply if refusal.retry_after_s is None else reply | {"retry_after": refusal.retry_after_s}


live_prices = SocketSpec(match=partial(is_of, 0), write=_as_json, handle=_set_price_of, refused=_refused)
WEBSOCKETS = {PRICES_PATH: FeedSockets(live_prices)}
