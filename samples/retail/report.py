"""The summary, as a table."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from samples.retail.importing import Summary
from samples.retail.refusals import OF_CANCELLATIONS, Reason

Figure = tuple[str, int | Decimal | str]
FIGURE_WIDTH = 14


def report_lines(summary: Summary, *, took_s: float, peak_memory_mb: float, refused_path: Path) -> list[str]:
    """Return the lines of the table, then the detected forms of the file, and the path of the refused rows."""
    figures = [*_of_file(summary), *_of_shop(summary), *_of_run(summary, took_s, peak_memory_mb)]
    width = max(len(label) for label, _ in figures)
    lines = [f"{label:<{width}} {_shown(figure):>{FIGURE_WIDTH}}" for label, figure in figures]
    forms = [f"{name}: {form}" for name, form in summary.forms.items()]
    return [*lines, *forms, f"Refused rows, with line and reason: {refused_path}"]


def _of_file(summary: Summary) -> Iterator[Figure]:
    survey, plan = summary.survey, summary.plan
    partial = sum(summary.refused[reason] for reason in OF_CANCELLATIONS)
    yield "Rows read", survey.rows
    yield "  sale lines", survey.sale_lines
    yield "  cancellation lines", len(survey.cancellations)
    yield "    with an earlier sale", plan.with_sale
    yield "    matched to it", plan.matched
    yield "    matched in full", plan.in_full
    yield "  refused", summary.refused.total() - partial
    yield from _reasons(summary, [reason for reason in Reason if reason not in OF_CANCELLATIONS])
    yield "  cancellation lines refused, whole or in part", partial
    yield from _reasons(summary, OF_CANCELLATIONS)


def _reasons(summary: Summary, reasons: list[Reason]) -> Iterator[Figure]:
    for reason in reasons:
        if summary.refused[reason]:
            yield f"    {reason}", summary.refused[reason]


def _of_shop(summary: Summary) -> Iterator[Figure]:
    survey = summary.survey
    yield "Invoices in the file", len(survey.invoices)
    yield "  their total", sum((invoice.total for invoice in survey.invoices.values()), Decimal(0))
    yield "  orders added", summary.orders_added
    yield "  order lines added", summary.lines_added
    yield "  orders completed", summary.orders_completed
    yield "  earlier orders changed by a cancellation", summary.orders_touched
    yield "Products in the file", len(survey.codes)
    yield "  added", summary.products_added
    yield "  changed", summary.products_changed
    yield "Customers in the file", len(survey.customers())
    yield "  added", summary.customers_added


def _of_run(summary: Summary, took_s: float, peak_memory_mb: float) -> Iterator[Figure]:
    yield "Seconds", f"{took_s:.1f}"
    yield "Rows a second", int(summary.survey.rows / took_s)
    yield "Transactions", summary.batches.count
    yield "  the longest, milliseconds", int(summary.batches.longest_s * 1000)
    yield "Peak memory, MB", int(peak_memory_mb)


def _shown(figure: int | Decimal | str) -> str:
    return figure if isinstance(figure, str) else f"{figure:,}"
