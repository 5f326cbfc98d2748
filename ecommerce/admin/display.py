"""How the admin writes money and moments."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.utils import formats, timezone
from unfold.widgets import INPUT_CLASSES, UnfoldPrefixSuffixMixin

MOMENT_FORMAT, SECOND_FORMAT = "j M Y, H:i", "j M Y, H:i:s"


def money(amount: Decimal, places: int = 2) -> str:
    """Write an amount with its thousands apart and the store's currency: `1,234.50 USD`."""
    return f"{formats.number_format(amount, places, force_grouping=True)} {settings.STORE_CURRENCY}"


def exactly(amount: Decimal) -> str:
    """Write all decimals an amount has, and at least two."""
    return money(amount, max(2, -int(amount.normalize().as_tuple().exponent)))


def moment(value: datetime | None, *, seconds: bool = False) -> str:
    """Write a moment in the server's time zone: `22 Nov 2025, 23:31`, with `seconds` to the second."""
    style = SECOND_FORMAT if seconds else MOMENT_FORMAT
    return formats.date_format(timezone.localtime(value), style) if value else "-"


class MoneyInput(UnfoldPrefixSuffixMixin, forms.TextInput):
    """An amount with the currency beside it. No number input: those change when the wheel turns over them."""

    template_name = "unfold/widgets/text.html"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        look = {"class": " ".join([*INPUT_CLASSES, "money-input"]), "inputmode": "decimal"}
        super().__init__(look | {"suffix": settings.STORE_CURRENCY} | (attrs or {}))
