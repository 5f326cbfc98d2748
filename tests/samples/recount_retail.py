"""What an Online Retail file adds up to, recomputed with other code than the importer's: no Django, no shared module.

    python tests/samples/recount_retail.py FILE

Everything is in memory, and written the long way round on purpose.
"""

import csv
import gzip
import re
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path

SUMMER_2010 = datetime(2010, 3, 28, 1), datetime(2010, 10, 31, 2)  # the clocks of London, for the file of 2009-2010


@dataclass
class Recount:
    rows: int = 0
    refused: Counter = field(default_factory=Counter)
    orders: dict = field(default_factory=dict)  # number -> [customer, UTC moment, total, units, [(code, units, price)]]
    customers: set = field(default_factory=set)
    names: dict = field(default_factory=dict)  # code -> most frequent description
    prices: dict = field(default_factory=dict)  # code -> last price
    sold: Counter = field(default_factory=Counter)  # code -> units
    returned: Counter = field(default_factory=Counter)
    cancellations: int = 0
    with_sale: int = 0  # cancellation lines after a sale of that code to that customer
    matched: int = 0  # of them, those for which a unit was left

    def supplied(self, code: str) -> int:
        """Return what was sold and a tenth more, rounded up."""
        return (self.sold[code] * 11 + 9) // 10

    def stock(self, code: str) -> int:
        return self.supplied(code) - self.sold[code] + self.returned[code]


def recount(path: Path) -> Recount:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    result = Recount(rows=len(rows))
    good = [row for row in rows if not _refuse(result.refused, row)]
    _count_sales(result, [row for row in good if not row["Invoice"].startswith("C")])
    _count_returns(result, good)
    return result


def _refuse(refused: Counter, row: dict) -> bool:
    code = row["StockCode"].strip()
    faults = {
        "number": not re.match(r"^C?\d{6}$", row["Invoice"]),
        "code": not re.match(r"^\d{5}[a-zA-Z]{0,2}$", code),
        "description": row["Description"].strip() == "",
        "quantity": (int(row["Quantity"]) < 0) != row["Invoice"].startswith("C"),
        "price": Decimal(row["Price"]) <= 0,
    }
    first = next((name for name, is_so in faults.items() if is_so), None)
    refused.update([first] if first else [])
    return first is not None


def _count_sales(result: Recount, sales: list[dict]) -> None:
    names: dict[str, list[str]] = defaultdict(list)
    for row in sales:
        code, units, price = row["StockCode"].strip().upper(), int(row["Quantity"]), Decimal(row["Price"])
        moment = _utc(row["InvoiceDate"])
        order = result.orders.setdefault(row["Invoice"], [row["Customer ID"], moment, Decimal(0), 0, []])
        order[1] = min(order[1], moment)
        order[2] += units * price
        order[3] += units
        order[4].append((code, row["Description"].strip(), units, price))
        names[code].append(row["Description"].strip())
        result.prices[code] = price  # the file is in order of time
        result.sold[code] += units
    result.names = {code: max(dict.fromkeys(some), key=Counter(some).__getitem__) for code, some in names.items()}


def _count_returns(result: Recount, good: list[dict]) -> None:
    """A cancellation brings back at most what is left with the customer, whichever of the sales it is taken from."""
    with_customer: Counter = Counter()
    ever_sold = set()
    for row in good:
        key = row["Customer ID"], row["StockCode"].strip().upper()
        result.customers.add(row["Customer ID"])
        if not row["Invoice"].startswith("C"):
            with_customer[key] += int(row["Quantity"])
            ever_sold.add(key)
            continue
        result.cancellations += 1
        if key[0] and key in ever_sold:
            back = min(-int(row["Quantity"]), with_customer[key])
            with_customer[key] -= back
            result.returned[key[1]] += back
            result.with_sale += 1
            result.matched += back > 0
    result.customers.discard("")


@cache
def _utc(text: str) -> datetime:
    local = datetime.strptime(text, "%Y-%m-%d %H:%M:%S")
    return local - timedelta(hours=1) if SUMMER_2010[0] <= local < SUMMER_2010[1] else local


def main(path: Path) -> None:
    result = recount(path)
    figures = {
        "rows": result.rows,
        "refused": dict(result.refused),
        "orders": len(result.orders),
        "order lines": sum(len(order[4]) for order in result.orders.values()),
        "total": sum(order[2] for order in result.orders.values()),
        "products": len(result.sold),
        "customers": len(result.customers),
        "units sold": result.sold.total(),
        "units returned": result.returned.total(),
        "units supplied": sum(map(result.supplied, result.sold)),
        "cancellation lines": result.cancellations,
        "with an earlier sale": result.with_sale,
        "matched": result.matched,
    }
    sys.stdout.writelines(f"{name:22}{value}\n" for name, value in figures.items())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
