"""The import, step by step."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from samples.retail.amounts import Amounts, DecimalMark
from samples.retail.batches import MOST_LINES, Batches
from samples.retail.customers import find_or_add_users
from samples.retail.dates import DateForm, Dates, UnclearDates
from samples.retail.invoices import OrderWriter
from samples.retail.known import Known, older_sales
from samples.retail.lock import import_lock
from samples.retail.matching import Pair, Plan, Sale, plan_returns
from samples.retail.overlaps import Overlap, find_overlaps
from samples.retail.products import write_products
from samples.retail.reading import RetailFile
from samples.retail.refusals import Reason, RefusedRow, RefusedRows
from samples.retail.returns import write_returns
from samples.retail.screening import Screen
from samples.retail.spool import SaleLine, Spool
from samples.retail.survey import Cancellation, Survey

OnLines = Callable[[int, int], object]
LINES_BETWEEN_REPORTS = 2_000


@dataclass
class Summary:
    """The contents of a file, and the results of its import."""

    survey: Survey
    plan: Plan
    refused: Counter[Reason]
    forms: dict[str, str]  # how the file was read: "encoding", "separator", "dates", "decimal mark"
    products_added: int = 0
    products_changed: int = 0
    customers_added: int = 0
    orders_added: int = 0
    orders_completed: int = 0
    orders_touched: int = 0  # orders of earlier imports that a cancellation in this file reverses
    lines_added: int = 0
    batches: Batches = field(default_factory=Batches)


def import_retail(
    source: RetailFile,
    *,
    refused_path: Path,
    date_form: DateForm | None = None,
    decimal_mark: DecimalMark | None = None,
    most_lines: int = MOST_LINES,
    on_lines: OnLines = lambda done, total: None,
) -> Summary:
    """Import a file, or the part of it that the shop does not have yet.

    The database is written after the whole file is read. Without a `date_form` or a `decimal_mark`, the texts of the
    file decide. `on_lines` is called with the number of finished sale lines and their total.
    Raises UnreadableFile, UnclearDates, AnotherImport, or OSError if the refused rows or the temporary file can't be
    written.
    """
    source.check()
    with import_lock(), RefusedRows(refused_path, source.headers) as refused, Spool() as spool:
        known = Known.load()
        screen = Screen(
            Dates(date_form, known=DateForm.MONTH_FIRST if source.is_2011_file else None), Amounts(decimal_mark)
        )
        survey = _survey(source, screen, known, refused, spool)
        batches = Batches(most_lines)
        users, customers_added = find_or_add_users(survey.customers(), batches)
        plan = plan_returns(survey.cancellations, _sales(survey, known, users, spool), known.returned)
        for cancellation, reason in plan.refused:
            refused.add(cancellation.trade.line, reason, cancellation.raw)
        summary = Summary(
            survey, plan, refused.counts, _forms(source, screen), customers_added=customers_added, batches=batches
        )
        _write(summary, known, users, spool, on_lines)
    return summary


def _survey(source: RetailFile, screen: Screen, known: Known, refused: RefusedRows, spool: Spool) -> Survey:
    """Read the file; read it again if an assumed form is wrong, or if orders of the shop differ from its invoices."""
    overlaps: dict[str, Overlap] = {}
    while True:
        survey = _read(source, screen, Survey(known.taken, known.lines, overlaps), refused, spool)
        try:
            # Check dates last: with a wrong encoding or decimal mark, rows are refused before their dates are read.
            if not (source.decoder.settled() and screen.amounts.settled() and screen.dates.settled()):
                continue
        except UnclearDates:
            refused.begin()  # they were refused under a wrong assumption
            raise
        news = find_overlaps(known, survey.invoices.keys() & known.invoices.keys() - overlaps.keys(), spool.lines())
        if not news:
            return survey
        overlaps |= news


def _read(source: RetailFile, screen: Screen, survey: Survey, refused: RefusedRows, spool: Spool) -> Survey:
    refused.begin()
    spool.begin()
    for overlap in survey.overlaps.values():
        overlap.begin()
    for row in source.rows():
        survey.rows += 1
        try:
            trade = screen.trade_of(row)
            if trade.cancels:
                survey.cancellations.append(Cancellation(trade, row.raw))
            else:
                spool.add(survey.add(trade))
        except RefusedRow as refusal:
            refused.add(row.line, refusal.reason, row.raw)
    spool.finish()
    return survey


def _forms(source: RetailFile, screen: Screen) -> dict[str, str]:
    return {
        "Encoding": str(source.decoder),
        "Separator": f"{source.delimiter} (--delimiter)" if source.is_delimiter_given else source.delimiter,
        "Dates": str(screen.dates),
        "Decimal mark": str(screen.amounts),
    }


def _sales(survey: Survey, known: Known, users: Mapping[str, int], spool: Spool) -> Mapping[Pair, list[Sale]]:
    """Collect the sales that the file's cancellations may reverse, from the file and from earlier imports."""
    sales: dict[Pair, list[Sale]] = defaultdict(list)
    pairs = {(one.trade.customer, one.trade.code) for one in survey.cancellations if one.trade.customer}
    customers = {users[customer]: customer for customer, _ in pairs}
    for old in older_sales(known, elsewhere=survey.invoices, user_ids=customers):
        pair = customers[old.user_id], old.code
        if pair in pairs:
            sales[pair].append(Sale(old.line, old.at, 0, old.price, old.units, old.units))
    for sale in spool.lines():
        invoice = survey.invoices[sale.number]
        pair = invoice.customer, sale.code
        if pair in pairs:
            line = sale.number, sale.position
            sales[pair].append(Sale(line, invoice.at, sale.line, Decimal(sale.price), sale.units, sale.units))
    return sales


def _write(summary: Summary, known: Known, users: Mapping[str, int], spool: Spool, on_lines: OnLines) -> None:
    survey, plan, batches = summary.survey, summary.plan, summary.batches
    products, summary.products_added, summary.products_changed = write_products(survey.codes, plan, known, batches)
    writer = OrderWriter(
        invoices=survey.invoices, plan=plan, known=known, users=users, products=products, batches=batches
    )
    writer.write(_reporting(spool.lines(), survey.sale_lines, on_lines))
    summary.orders_added, summary.orders_completed = writer.added, writer.completed
    summary.lines_added = writer.lines
    summary.orders_touched = write_returns(plan, known, batches)


def _reporting(sales: Iterator[SaleLine], total: int, on_lines: OnLines) -> Iterator[SaleLine]:
    for done, sale in enumerate(sales, start=1):
        yield sale
        if done % LINES_BETWEEN_REPORTS == 0 or done == total:
            on_lines(done, total)
