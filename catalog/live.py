"""Prices that clients send into a live stream, in any protocol."""

from collections.abc import Mapping

from catalog.actions import change_product
from catalog.serializers import ProductChangeSerializer
from core.callers import caller_of
from core.permissions import require
from core.serializers import checked

PRICES_PATH = "/ws/prices"  # of the WebSocket


def set_price(*, headers: Mapping[str, str], address: str, product_id: int, price: object) -> None:
    """Change only the price, as the caller that `headers` identify.

    Each call identifies the caller again: since the stream was opened, the token may have expired or the caller's role
    may have changed. Raises Unauthenticated, Forbidden, InvalidInput, ProductNotFound.
    """
    actor = caller_of(headers, address).user
    require(actor, change_product)
    changes = checked(ProductChangeSerializer, {"price": price}, partial=True)
    change_product(actor=actor, product_id=product_id, changes=changes)
