"""Files of price lists, some of whose rows are bad, for products outside of the category."""

import csv
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from benchmarks.staff_tasks.situation import FIRST_LISTED_ID
from catalog.models import Product

COLUMNS = ("sku", "price", "stock")
HEADER_LINES = 1
# The bad rows in turn: their SKU if it is not the product's, price and stock; and the reasons of the admin and of REST.
BAD_ROWS = (
    (("NOT-SOLD-{}", "5.00", ""), "No product has this SKU.", "not found"),
    (("", "a lot", ""), "Price: a lot is not a number.", "'price': "),
    (("", "", "-5"), "Stock: ", "'stock': "),
)


class PriceList(NamedTuple):
    file: Path
    rows: list[dict[str, str]]
    prices: dict[int, Decimal]  # after the import, by product id; those of bad rows are as before
    reasons: dict[int, int]  # the places of the bad rows in `rows`, and in BAD_ROWS

    @property
    def good(self) -> int:
        return len(self.rows) - len(self.reasons)

    def assert_applied(self) -> None:
        """Assert that the good rows are applied, and no others."""
        found = Product.objects.filter(pk__range=(min(self.prices), max(self.prices)))
        assert dict(found.values_list("pk", "price")) == self.prices

    def as_json_rows(self) -> Iterator[dict[str, str | int]]:
        """Yield the rows without their empty cells."""
        for row in self.rows:
            filled = {name: text for name, text in row.items() if text}
            yield {name: int(text) if name == "stock" else text for name, text in filled.items()}


def write_price_list(file: Path, count: int, bad: int) -> PriceList:
    """Write a CSV file of so many rows, of which `bad` are bad; the others raise the price by 1."""
    listed = PriceList(file, [], {}, {})
    products = Product.objects.filter(pk__gte=FIRST_LISTED_ID).exclude(sku=None).order_by("pk")[:count]
    for place, (pk, sku, price) in enumerate(products.values_list("pk", "sku", "price")):
        is_bad = (place + 1) % (count // bad) == 0
        cells = str(sku), str(price + 1), ""
        if is_bad:
            kind = listed.reasons[place] = len(listed.reasons) % len(BAD_ROWS)
            (other_sku, *values), _, _ = BAD_ROWS[kind]
            cells = other_sku.format(place) or str(sku), values[0], values[1]
        listed.rows.append(dict(zip(COLUMNS, cells, strict=True)))
        listed.prices[pk] = price if is_bad else price + 1
    assert (len(listed.rows), len(listed.reasons)) == (count, bad)
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, COLUMNS)
        writer.writeheader()
        writer.writerows(listed.rows)
    return listed
