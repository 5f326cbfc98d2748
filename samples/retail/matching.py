"""Matches each cancellation with an earlier sale of the same stock code to the same customer."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from samples.retail.known import Cancelled, Line
from samples.retail.refusals import Reason
from samples.retail.survey import Cancellation

Pair = tuple[str, str]  # the number of a customer, and a stock code


@dataclass(slots=True)
class Sale:
    line: Line
    at: datetime
    row: int  # the line number in the file; 0 for a sale that the shop has from another file
    price: Decimal
    units: int
    left: int  # units that are not returned yet


class Returned(NamedTuple):
    """Units of one line of an invoice that one cancellation returned."""

    position: int
    reference: str
    at: datetime
    code: str
    units: int


@dataclass
class Plan:
    returns: dict[str, list[Returned]] = field(default_factory=lambda: defaultdict(list))  # by invoice number
    refused: list[tuple[Cancellation, Reason]] = field(default_factory=list)
    with_sale: int = 0  # cancellation lines with an earlier sale of the code to the customer
    matched: int = 0  # of those: lines with units that are matched with a sale, all or some
    in_full: int = 0  # of those: lines with all units matched


def plan_returns(
    cancellations: Iterable[Cancellation],
    sales: Mapping[Pair, list[Sale]],
    known: Mapping[Cancelled, Mapping[Line, int]],
) -> Plan:
    """Decide the units that every cancellation returns. Decisions `known` from earlier imports stay valid.

    Processes the cancellations by time. The plan for the first part of a file is the first part of the plan for the
    whole file.
    """
    plan, book, groups = Plan(), _Book(sales), _grouped(cancellations)
    for cancelled in known.keys() - groups.keys():
        book.take(known[cancelled])
    for cancelled, group in groups.items():
        matches = book.match_all(group, known.get(cancelled, {}))
        for cancellation, match in zip(group, matches, strict=True):
            _judge(plan, book, cancellation, sum(match.values()))
        for (number, position), units in sum(matches, Counter()).items():
            trade = group[0].trade
            plan.returns[number].append(Returned(position, trade.number, trade.at, trade.code, units))
    return plan


def _grouped(cancellations: Iterable[Cancellation]) -> dict[Cancelled, list[Cancellation]]:
    groups: dict[Cancelled, list[Cancellation]] = defaultdict(list)
    for cancellation in sorted(cancellations, key=lambda one: (one.trade.at, one.trade.line)):
        groups[cancellation.trade.number, cancellation.trade.code].append(cancellation)
    return groups


def _judge(plan: Plan, book: "_Book", cancellation: Cancellation, units: int) -> None:
    trade = cancellation.trade
    sold = next(book.earlier(cancellation), None) is not None
    plan.with_sale += sold
    plan.matched += units > 0
    plan.in_full += units == trade.units
    if units == trade.units:
        return
    if not trade.customer:
        reason = Reason.CANCELS_FOR_GUEST
    elif units:
        reason = Reason.CANCELS_TOO_MUCH
    else:
        reason = Reason.CANCELS_AGAIN if sold else Reason.CANCELS_NO_SALE
    plan.refused.append((cancellation, reason))


class _Book:
    """The sales, and the remaining units of each."""

    def __init__(self, sales: Mapping[Pair, list[Sale]]) -> None:
        self._by_pair = {pair: sorted(some, key=lambda sale: (sale.at, sale.row)) for pair, some in sales.items()}
        self._by_line = {sale.line: sale for some in sales.values() for sale in some}

    def earlier(self, cancellation: Cancellation) -> Iterator[Sale]:
        """Yield the sales before a cancellation, the latest first."""
        trade = cancellation.trade
        for sale in reversed(self._by_pair.get((trade.customer, trade.code), ())):
            if (sale.at, sale.row) < (trade.at, trade.line):
                yield sale

    def take(self, units_by_line: Mapping[Line, int]) -> None:
        for line, units in units_by_line.items():
            if line in self._by_line:
                self._by_line[line].left -= units

    def match_all(self, group: list[Cancellation], known: Mapping[Line, int]) -> list[Counter[Line]]:
        """Return, for each line of a cancellation, the units that it returns from each sale.

        If an earlier import knew other sales and decided differently, its decision stays: no unit is returned twice.
        """
        matches = [self._match(cancellation) for cancellation in group]
        together = sum(matches, Counter())
        if all(together[line] >= units for line, units in known.items()):
            return matches
        self.take({line: -units for line, units in together.items()})
        self.take(known)
        return _distributed(known, [cancellation.trade.units for cancellation in group])

    def _match(self, cancellation: Cancellation) -> Counter[Line]:
        """Take the units from the latest sale with the same units and price; without one, from the latest sales."""
        trade = cancellation.trade
        sales = list(self.earlier(cancellation))
        exact = [sale for sale in sales if sale.left == sale.units == trade.units and sale.price == trade.price]
        match: Counter[Line] = Counter()
        missing = trade.units
        for sale in exact[:1] or sales:
            match[sale.line] = min(missing, sale.left)
            missing -= match[sale.line]
        match = +match
        self.take(match)
        return match


def _distributed(units_by_line: Mapping[Line, int], wanted: list[int]) -> list[Counter[Line]]:
    """Distribute the units over the `wanted` numbers, in order."""
    left = Counter(units_by_line)
    matches = []
    for missing in wanted:
        match: Counter[Line] = Counter()
        for line, units in left.items():
            match[line] = min(units, missing - match.total())
        left -= match
        matches.append(+match)
    return matches
