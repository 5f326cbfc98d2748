"""The import, step by step."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from orders.retail.alone import alone
from orders.retail.batches import MOST_LINES, Batches
from orders.retail.customers import find_or_add_users
from orders.retail.invoices import OrderWriter
from orders.retail.known import Known, older_sales
from orders.retail.matching import Pair, Plan, Sale, plan_returns
from orders.retail.products import write_products
from orders.retail.reading import RetailFile
from orders.retail.refusals import Reason, Refused, RefusedRows
from orders.retail.returns import write_returns
from orders.retail.screening import trade_of
from orders.retail.spool import SaleLine, Spool
from orders.retail.survey import Cancellation, Survey

OnLines = Callable[[int, int], object]
LINES_BETWEEN_REPORTS = 2_000


@dataclass
class Summary:
    """What a file has and what became of it."""

    survey: Survey
    plan: Plan
    refused: Counter[Reason]
    encoding: str
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
    most_lines: int = MOST_LINES,
    on_lines: OnLines = lambda done, total: None,
) -> Summary:
    """Load a file, or as much of it as the shop does not have yet.

    Nothing is written before the whole file was read. `on_lines` is told how many sale lines are done, of how many.
    Raises UnreadableFile, AnotherImport, or OSError when the refused rows or the temporary file can't be written.
    """
    source.check()
    with alone(), RefusedRows(refused_path, source.headers) as refused, Spool() as spool:
        known = Known.load()
        survey = _survey(source, known, refused, spool)
        batches = Batches(most_lines)
        users, customers_added = find_or_add_users(survey.customers(), batches)
        plan = plan_returns(survey.cancellations, _sales(survey, known, users, spool), known.returned)
        for cancellation, reason in plan.refused:
            refused.add(cancellation.trade.line, reason, cancellation.raw)
        summary = Summary(
            survey, plan, refused.counts, source.encoding, customers_added=customers_added, batches=batches
        )
        _write(summary, known, users, spool, on_lines)
    return summary


def _survey(source: RetailFile, known: Known, refused: RefusedRows, spool: Spool) -> Survey:
    try:
        return _read(source, known, refused, spool)
    except UnicodeDecodeError:
        source.take_for_latin_1()
        return _read(source, known, refused, spool)


def _read(source: RetailFile, known: Known, refused: RefusedRows, spool: Spool) -> Survey:
    survey = Survey(known.taken, known.lines)
    refused.begin()
    spool.begin()
    for row in source.rows():
        survey.rows += 1
        try:
            trade = trade_of(row)
            if trade.cancels:
                survey.cancellations.append(Cancellation(trade, row.raw))
            else:
                spool.add(survey.add(trade))
        except Refused as refusal:
            refused.add(row.line, refusal.reason, row.raw)
    spool.finish()
    return survey


def _sales(survey: Survey, known: Known, users: Mapping[str, int], spool: Spool) -> Mapping[Pair, list[Sale]]:
    """Collect the sales that the file's cancellations may reverse: those of the file, and of earlier imports."""
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
            line = sale.number, sale.place
            sales[pair].append(Sale(line, invoice.at, sale.line, Decimal(sale.price), sale.units, sale.units))
    return sales


def _write(summary: Summary, known: Known, users: Mapping[str, int], spool: Spool, on_lines: OnLines) -> None:
    survey, plan, batches = summary.survey, summary.plan, summary.batches
    products, summary.products_added, summary.products_changed = write_products(survey.codes, plan, known, batches)
    writer = OrderWriter(
        invoices=survey.invoices, plan=plan, known=known, users=users, products=products, batches=batches
    )
    writer.write(_told(spool.lines(), survey.sale_lines, on_lines))
    summary.orders_added, summary.orders_completed = writer.added, writer.completed
    summary.lines_added = writer.lines
    summary.orders_touched = write_returns(plan, known, batches)


def _told(sales: Iterator[SaleLine], total: int, on_lines: OnLines) -> Iterator[SaleLine]:
    for done, sale in enumerate(sales, start=1):
        yield sale
        if done % LINES_BETWEEN_REPORTS == 0 or done == total:
            on_lines(done, total)
