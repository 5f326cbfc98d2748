"""Price lists: files with one product a row, by SKU. A plan says what each row would change, or why it is refused."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial
from typing import Any

from django.db import transaction

from catalog.bulk.changing import ProductChange, change_products, cleaned_values
from catalog.models import Product
from core.actors import Actor
from core.errors import DomainError, InvalidInput, TooLarge
from core.origin import originating
from core.sheets.numbers import decimal_sign, number, whole_number
from core.sheets.reading import ReadCell, ReadRow, read_table
from core.text.amounts import without_zeros_past_cents
from core.validation.validators import MAX_INT32, is_storable

COLUMNS = ("name", "price", "stock")
MAX_ROWS = 100_000
ROWS_LOCKED = 500  # per transaction, so that orders do not wait for the whole list
SKUS_PER_QUERY = 1_000
NO_PRODUCT = "No product has this SKU."
NOT_ALL = "Not changed: another row was refused, and the import was all or none."


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """One row of the file: `old` and `new` map the columns that it changes. `problem` says why it is refused."""

    line: int
    sku: str
    product_id: int | None = None
    old: Mapping[str, Any] = field(default_factory=dict)
    new: Mapping[str, Any] = field(default_factory=dict)
    add_stock: int = 0
    problem: str = ""

    @property
    def is_wanted(self) -> bool:
        return not self.problem and bool(self.new)

    def as_change(self) -> ProductChange:
        """Return the change. If units are added, sales since the preview do not matter."""
        assert self.product_id is not None  # noqa: S101  # of each row that is wanted
        set_values = {name: value for name, value in self.new.items() if name != "stock" or not self.add_stock}
        seen = {name: self.old[name] for name in set_values}
        return ProductChange(self.product_id, set_values, self.add_stock, seen)


@dataclass(frozen=True)
class _Reading:
    """How to read the cells: `sign` is the decimal sign; `adds` says that stocks are units to add."""

    sign: str
    adds: bool


def plan_price_list(content: bytes, *, adds: bool, sign: str = "") -> list[PlannedRow]:
    """Return what each row would change, in the order of the file. If `sign` is empty, it is found from the prices.

    Raises InvalidInput if the file can't be read or has no SKUs, TooLarge if it has more than MAX_ROWS rows.
    """
    table = read_table(content)
    columns = _columns_of(next(table, (0, []))[1])
    rows = _limited(table)
    reading = _Reading(sign or decimal_sign(_texts(rows, columns.get("price"))), adds)
    entries = [_entry(line, {name: _at(row, place) for name, place in columns.items()}, reading) for line, row in rows]
    return list(_planned(_without_repeats(entries)))


def _columns_of(header: Sequence[ReadCell]) -> dict[str, int]:
    names = [str(cell).casefold() for cell in header]
    places = {name: names.index(name) for name in ("sku", *COLUMNS) if name in names}
    repeated = next((name for name in places if names.count(name) > 1), None)
    if repeated:
        raise InvalidInput(f"The first row names the column {repeated} more than once.")
    if "sku" not in places or len(places) < 2:
        raise InvalidInput("The first row must name the column sku, and at least one of name, price and stock.")
    return places


def _limited(table: Iterator[ReadRow]) -> list[ReadRow]:
    rows = []
    for row in table:
        rows.append(row)
        if len(rows) > MAX_ROWS:
            raise TooLarge(f"A price list has at most {MAX_ROWS} rows.")
    return rows


def _at(row: Sequence[ReadCell], place: int) -> ReadCell:
    return row[place] if place < len(row) else None


def _texts(rows: Iterable[ReadRow], place: int | None) -> Iterator[str]:
    if place is not None:
        cells = (_at(row, place) for _, row in rows)
        yield from (cell for cell in cells if isinstance(cell, str))


def _entry(line: int, cells: Mapping[str, ReadCell], reading: _Reading) -> PlannedRow:
    """Return what the row says by itself; it is not compared with the product yet."""
    given = cells["sku"]
    sku = format(given, "f") if isinstance(given, Decimal) else given or ""
    if not sku:
        return PlannedRow(line, "", problem="The SKU is missing.")
    if not is_storable(sku):
        return PlannedRow(line, sku, problem=NO_PRODUCT)
    try:
        new = {name: value for name in COLUMNS if (value := _value(name, cells.get(name), reading)) is not None}
        add_stock = _units(new.pop("stock", 0)) if reading.adds else 0
        return PlannedRow(line, sku, new=cleaned_values(new), add_stock=add_stock)
    except DomainError as refusal:
        return PlannedRow(line, sku, problem=_as_text(refusal))


def _units(units: int) -> int:
    if abs(units) > MAX_INT32:
        raise InvalidInput(fields={"stock": f"Ensure this value is between -{MAX_INT32} and {MAX_INT32}."})
    return units


def _value(name: str, cell: ReadCell, reading: _Reading) -> Any:
    """Return the value of a cell, or None if it is empty: the product keeps what it has."""
    if cell is None:
        return None
    if name == "name":
        return str(cell)
    found = cell if isinstance(cell, Decimal) else whole_number(cell) if name == "stock" else number(cell, reading.sign)
    if found is None or (name == "stock" and found != found.to_integral_value()):
        kind = "whole number" if name == "stock" else "number"
        raise InvalidInput(fields={name: f"{cell} is not a {kind}."})
    return int(found) if name == "stock" else without_zeros_past_cents(found)


def _as_text(refusal: DomainError) -> str:
    return " ".join(f"{name.capitalize()}: {text}" for name, text in refusal.fields.items()) or refusal.message


def _without_repeats(entries: Iterable[PlannedRow]) -> list[PlannedRow]:
    """Refuse each row whose SKU an earlier row has."""
    lines: dict[str, int] = {}
    results = []
    for entry in entries:
        first = lines.setdefault(entry.sku.lower(), entry.line) if entry.sku else entry.line
        repeats = first != entry.line
        results.append(replace(entry, problem=f"Line {first} has the same SKU.") if repeats else entry)
    return results


def _planned(entries: Sequence[PlannedRow]) -> Iterator[PlannedRow]:
    for start in range(0, len(entries), SKUS_PER_QUERY):
        batch = entries[start : start + SKUS_PER_QUERY]
        skus = [entry.sku.lower() for entry in batch if not entry.problem]
        found = Product.objects.with_skus(skus)
        products = {product.sku.lower(): product for product in found.defer("description") if product.sku}
        yield from (entry if entry.problem else _compared(entry, products.get(entry.sku.lower())) for entry in batch)


def _compared(entry: PlannedRow, product: Product | None) -> PlannedRow:
    """Keep the columns that differ from the product, with the product's values as `old`."""
    if product is None:
        return replace(entry, new={}, problem=NO_PRODUCT)
    wanted = dict(entry.new)
    if entry.add_stock:
        wanted["stock"] = product.stock + entry.add_stock
    new = {name: value for name, value in wanted.items() if getattr(product, name) != value}
    old = {name: getattr(product, name) for name in new}
    planned = replace(entry, product_id=product.pk, old=old, new=new)
    try:
        cleaned_values(new)
    except DomainError as refusal:
        return replace(planned, problem=_as_text(refusal))
    return planned


Reasons = dict[int, str]  # of refusals, by line
ApplyRows = Callable[[Sequence[PlannedRow]], Reasons]


def one_after_another(rows: Sequence[PlannedRow], size: int, apply_rows: ApplyRows) -> Reasons:
    """Apply `size` rows at a time."""
    refused: Reasons = {}
    for start in range(0, len(rows), size):
        refused |= apply_rows(rows[start : start + size])
    return refused


def apply_price_list(
    *,
    actor: Actor,
    rows: Sequence[PlannedRow],
    all_or_none: bool,
    in_parts: Callable[[Sequence[PlannedRow], int, ApplyRows], Reasons] = one_after_another,
) -> Reasons:
    """Make the planned changes. Returns the reasons of refusals, by line.

    With `all_or_none` it is one transaction: if one change is refused, none is made, and the reasons say so. Otherwise
    each transaction has ROWS_LOCKED rows, and makes the valid changes. `in_parts` divides the rows, and passes each
    part to the function that applies it.
    """
    wanted = sorted((row for row in rows if row.is_wanted), key=lambda row: row.product_id or 0)
    if all_or_none:
        return in_parts(wanted, max(1, len(wanted)), partial(_apply_all, actor))
    return in_parts(wanted, ROWS_LOCKED, partial(_apply, actor))


def _apply(actor: Actor, rows: Sequence[PlannedRow]) -> Reasons:
    with originating(cause="import"):
        results = change_products(actor=actor, changes=[row.as_change() for row in rows])
    return {
        row.line: _as_text(result) for row, result in zip(rows, results, strict=True) if isinstance(result, DomainError)
    }


def _apply_all(actor: Actor, rows: Sequence[PlannedRow]) -> Reasons:
    with transaction.atomic():
        refused = one_after_another(rows, ROWS_LOCKED, partial(_apply, actor))
        if refused:
            transaction.set_rollback(True)
    return refused and {row.line: refused.get(row.line, NOT_ALL) for row in rows}
