"""Formats of money, moments and browsers in the admin."""

from datetime import datetime
from decimal import Decimal

from django import forms
from django.conf import settings
from django.utils import formats
from unfold.widgets import INPUT_CLASSES, UnfoldPrefixSuffixMixin

from core.moments import shop_zone

# The first match counts: other browsers than Chrome and Safari name these too, and Android names Linux.
BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
SYSTEMS = {
    "Windows": "Windows",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Mac OS": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


def money(amount: Decimal, places: int = 2) -> str:
    """Format an amount with thousands separators and the store's currency: `1,234.50 USD`."""
    return f"{formats.number_format(amount, places, force_grouping=True)} {settings.STORE_CURRENCY}"


def signed(units: int) -> str:
    """Format a difference with its sign: `+40`, `-3`."""
    return f"{units:+,}"


def exactly(amount: Decimal) -> str:
    """Format an amount with all its decimals, and at least two."""
    return money(amount, max(2, -int(amount.normalize().as_tuple().exponent)))


def moment(value: datetime | None, *, seconds: bool = False) -> str:
    """Format a moment in the shop's time zone: `22 Nov 2025, 23:31`, or with `seconds` to the second."""
    if not value:
        return "-"
    local = value.astimezone(shop_zone())
    return f"{local.day} {local:%b %Y, %H:%M}" + (f":{local:%S}" if seconds else "")


def browser(agent: str) -> str:
    """Return the browser and the system of a User-Agent: `Firefox on Windows`; if neither is known, its start."""
    names = (next((name for mark, name in marks.items() if mark in agent), "") for marks in (BROWSERS, SYSTEMS))
    return " on ".join(filter(None, names)) or agent[:60]


class MoneyInput(UnfoldPrefixSuffixMixin, forms.TextInput):
    """An amount with the currency beside it. Not a number input, because the mouse wheel changes its value."""

    template_name = "unfold/widgets/text.html"

    def __init__(self, attrs: dict[str, object] | None = None) -> None:
        look = {"class": " ".join([*INPUT_CLASSES, "money-input"]), "inputmode": "decimal"}
        super().__init__(look | {"suffix": settings.STORE_CURRENCY} | (attrs or {}))
