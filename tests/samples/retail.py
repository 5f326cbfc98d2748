"""Small Online Retail files for tests, and all that an import writes, to compare."""

import csv
import gzip
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management import call_command

from accounts.models import User
from catalog.models import Product
from orders.models import Order, OrderEvent, OrderItem, RetailInvoice, RetailSupply, ReturnedUnits

HEADERS = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
SIBLING_HEADERS = [
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
]
TABLES = (User, Product, Order, OrderItem, OrderEvent, ReturnedUnits, RetailInvoice, RetailSupply)


def row(number: Any = 489434, **fields: Any) -> list[str]:
    """Return a row of good trade, but for what is named; `units` below zero for a cancellation."""
    values = {
        "number": number,
        "code": "85048",
        "name": "GLASS BALL",
        "units": 1,
        "at": "2010-01-04 10:00:00",
        "price": "2.50",
        "customer": "13085",
        "country": "France",
    } | fields
    return [str(value) for value in values.values()]


def write_file(path: Path, rows: Iterable[list[str]], headers: list[str] = HEADERS, encoding: str = "utf-8") -> Path:
    """Write a CSV, packed when the name ends in .gz."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([headers, *rows])
    content = text.getvalue().encode(encoding)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def import_file(path: Path, **options: Any) -> str:
    """Run the command and return what it prints; the refused rows go beside the file."""
    printed = io.StringIO()
    call_command("importretail", path, refused=refused_path(path), stdout=printed, **options)
    return printed.getvalue()


def refused_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.refused.csv")


def refused_rows(path: Path) -> list[tuple[int, str]]:
    """Return line and reason of each refused row."""
    with refused_path(path).open(encoding="utf-8", newline="") as file:
        return [(int(one["line"]), one["reason"]) for one in csv.DictReader(file)]


def figures(printed: str) -> dict[str, float]:
    """Return the figures of the summary by name."""
    table = printed.partition("\nEncoding: ")[0].splitlines()
    return {
        name: float(figure.replace(",", "")) for name, figure in (line.strip().rsplit(maxsplit=1) for line in table)
    }


def forms(printed: str) -> dict[str, str]:
    """Return how the file was read, by the summary."""
    lines = ("Encoding: " + printed.partition("\nEncoding: ")[2]).splitlines()
    return dict(line.split(": ", 1) for line in lines[:4])


def everything() -> list[list[dict[str, Any]]]:
    """Return every row of every table that an import writes to, ids and versions included."""
    return [list(model.objects.order_by("pk").values()) for model in TABLES]


def history() -> dict[str, Any]:
    """Return the same without what depends on the run: ids, random parts of passwords, when a product was changed."""
    supply = ("product__sku", "supplied", "sold", "returned", "name", "price", "last_at")
    order = ("number", "user__username", "status", "total", "version", "created_at", "retail_invoice__lines")
    item = ("order__number", "sku", "product__sku", "name", "unit_price", "quantity", "line_total")
    event = ("order__number", "at", "status", "note", "actor")
    returned = ("item__order__number", "item__sku", "item__quantity", "reference", "units", "at")
    return {
        "users": sorted(User.objects.values_list("username", "email", "created_at", "is_active")),
        "products": sorted(Product.objects.values_list("sku", "name", "price", "stock", "version", "created_at")),
        "supplies": sorted(RetailSupply.objects.values_list(*supply)),
        "orders": sorted(Order.objects.values_list(*order)),
        "items": list(OrderItem.objects.order_by("order__number", "id").values_list(*item)),
        "events": sorted(OrderEvent.objects.values_list(*event)),
        "returns": sorted(ReturnedUnits.objects.values_list(*returned)),
    }
