"""What clients send into a live stream of prices, in any protocol."""

from collections.abc import Mapping
from typing import Any

from catalog.actions import change_product
from catalog.permissions import can_edit_products
from catalog.serializers import ProductChangeSerializer
from ecommerce.callers import caller_of
from ecommerce.permissions import require
from ecommerce.serializers import checked


def set_price(*, headers: Mapping[str, str], address: str, product_id: int, price: Any) -> None:
    """Change a price and nothing else, as the caller whom `headers` name by now.

    Named anew each time: the stream may be older than the token, or than the caller's role. Raises Unauthenticated,
    Forbidden, InvalidInput, ProductNotFound.
    """
    actor = caller_of(headers, address).user
    require(actor, can_edit_products(actor))
    changes = checked(ProductChangeSerializer, {"price": price}, partial=True)
    change_product(actor=actor, product_id=product_id, changes=changes)
