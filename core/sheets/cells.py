"""Values of cells, as spreadsheets may safely get them."""

import re
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

Cell: TypeAlias = str | int | Decimal | datetime | None

# Spreadsheets compute a cell that begins with one of these, which may run commands of the computer that opens it.
# The last four are the full-width forms, which some of them treat alike.
FORMULA_STARTS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def harmless(text: str) -> str:
    """Return the text as a cell that no spreadsheet computes: with an apostrophe before it if it looks like a formula.

    Characters that XLSX can't contain are replaced.
    """
    text = _NOT_IN_XML.sub("\ufffd", text)
    begins = text.lstrip(" \u00a0")[:1]
    return f"'{text}" if begins and begins in FORMULA_STARTS else text


def safe_cell(value: Cell) -> Cell:
    """Return the value for a file: texts harmless, all other values unchanged."""
    return harmless(value) if isinstance(value, str) else value
