"""Numbers as people write them: 1,234.50 or 1.234,50."""

import re
from collections.abc import Iterable
from decimal import Decimal

from core.errors import InvalidInput

_SPACES = re.compile(r"[\s\u00a0\u202f']")  # Switzerland groups digits by apostrophes, France by narrow spaces
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:[.,]\d{3})+", re.ASCII)
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)", re.ASCII)
_MAX_LENGTH = 40


def decimal_sign(texts: Iterable[str]) -> str:
    """Return the decimal sign of a column, as its numbers show: "." or ",".

    Raises InvalidInput if they show both, or if 1,234 could be more than a thousand or little more than one.
    """
    signs: set[str] = set()
    unclear = ""
    for text in texts:
        sign = _sign_of(_SPACES.sub("", text).lstrip("+-"))
        if sign == "?":
            unclear = unclear or text
        elif sign:
            signs.add(sign)
    if len(signs) > 1:
        raise InvalidInput("Some prices have a decimal point, others a decimal comma. Choose the decimal sign.")
    if unclear and not signs:
        raise InvalidInput(f"{unclear} has a decimal sign or groups thousands. Choose the decimal sign.")
    return signs.pop() if signs else "."


def _sign_of(text: str) -> str:
    """Return the decimal sign that one number shows; "?" if it may be one, empty if the number shows none."""
    last = max(text.rfind("."), text.rfind(","))
    if last < 0:
        return ""
    sign = text[last]
    other = "," if sign == "." else "."
    if other in text:
        return sign
    if text.count(sign) > 1:
        return other
    could_group = len(text) - last == 4 and 1 <= last <= 3 and text[0] != "0"
    return "?" if could_group else sign


def number(text: str, sign: str) -> Decimal | None:
    """Return the number that the text is, with this decimal sign; None if it is none."""
    text = _SPACES.sub("", text)
    whole, found, decimals = text.partition(sign)
    if ("," in whole or "." in whole) and not _GROUPED.fullmatch(whole):
        return None
    plain = whole.replace(",", "").replace(".", "") + ("." if found else "") + decimals
    return Decimal(plain) if len(plain) <= _MAX_LENGTH and _PLAIN.fullmatch(plain) else None


def whole_number(text: str) -> Decimal | None:
    """Return the whole number that the text is: 1234, 1,234 or 1.234; None if it is none."""
    text = _SPACES.sub("", text)
    grouped = _GROUPED.fullmatch(text)
    return number(text.replace(",", "").replace(".", "") if grouped else text, ".")
