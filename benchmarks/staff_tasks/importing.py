"""The import of a long price list, of which 1 % is bad: cancelled and applied in the admin, then over REST."""

import csv
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
from django.db.models import Max, Sum

from benchmarks.servers import Usage
from benchmarks.staff_tasks.person import LONG_S, Person
from benchmarks.staff_tasks.price_lists import BAD_ROWS, HEADER_LINES, PriceList, write_price_list
from benchmarks.staff_tasks.situation import FIRST_LISTED_ID, Situation
from benchmarks.staff_tasks.tasks import downloaded, open_by_menu, page_says
from catalog.models import Product, ProductHistory

MOST, BAD_SHARE = 50_000, 100
SENT_AT_ONCE = 10_000  # at most, by POST /products/changes
REST_TIMEOUT_S = 600


class Cost(NamedTuple):
    """The seconds of a step, and the server's memory in MB."""

    step: str
    seconds: float
    before: float
    peak: float
    after: float


class _Import(NamedTuple):
    person: Person
    situation: Situation
    server: Usage
    costs: list[Cost]

    @contextmanager
    def measuring(self, step: str) -> Iterator[None]:
        before, began = self.server.memory_mb(), time.monotonic()
        self.server.forget_peak()
        yield
        took = time.monotonic() - began
        self.costs.append(Cost(step, took, before, self.server.peak_mb(), self.server.memory_mb()))


def import_everywhere(person: Person, situation: Situation, rows: int, server: Usage) -> list[Cost]:
    """Return the costs of the steps, in their order."""
    count = min(MOST, rows - FIRST_LISTED_ID + 1)
    run = _Import(person, situation, server, [])
    listed = write_price_list(situation.folder / "long.csv", count, count // BAD_SHARE)
    _cancel(run, listed)
    _apply(run, listed)
    _apply_over_rest(run, write_price_list(situation.folder / "rest.csv", count, count // BAD_SHARE))
    return run.costs


def _cancel(run: _Import, listed: PriceList) -> None:
    before = _state()
    _preview(run, listed, "upload to preview, first")
    with run.measuring("cancel"):
        run.person.click("#apply-form [name=cancel]")
        run.person.wait_for_page(page_says("The import was cancelled; nothing was changed."))
    assert _state() == before


def _apply(run: _Import, listed: PriceList) -> None:
    before, person = _state(), run.person
    _preview(run, listed, "upload to preview, again")
    with run.measuring(f"apply {listed.good:,} rows"):
        person.click("#apply-form [name=good]")
        person.wait_for_page(
            page_says(f"{listed.good:,} changed, 0 unchanged, {len(listed.reasons):,} refused."), LONG_S
        )
    listed.assert_applied()
    assert _state()["versions"] - before["versions"] == listed.good
    file = downloaded(person, run.situation.folder, lambda: person.click("#apply-form a[href$='/results/']"))
    with file.open(encoding="utf-8-sig", newline="") as opened:
        refused = {int(row["Line"]): row["Reason"] for row in csv.DictReader(opened) if row["Result"] == "refused"}
    _assert_reasons(listed, {line - HEADER_LINES - 1: reason for line, reason in refused.items()}, of_admin=True)


def _preview(run: _Import, listed: PriceList, step: str) -> None:
    person = run.person
    open_by_menu(person, "Products")
    person.click("a", "Import price list")
    person.wait_for_page("document.querySelector('#import-form')")
    person.choose_file("#import-form input[type=file]", listed.file)
    with run.measuring(step):
        person.click("#import-form [type=submit]")
        person.wait_for_page(
            page_says(f"{listed.good:,} to change, 0 unchanged, {len(listed.reasons):,} refused."), LONG_S
        )


def _apply_over_rest(run: _Import, listed: PriceList) -> None:
    rows, results = list(listed.as_json_rows()), list[dict[str, Any]]()
    with run.measuring(f"apply {listed.good:,} rows over REST, {SENT_AT_ONCE:,} at once"):
        for start in range(0, len(rows), SENT_AT_ONCE):
            results += _sent(run.situation, rows[start : start + SENT_AT_ONCE])
    listed.assert_applied()
    refused = {
        place: result["error"] + str(result["errors"]) for place, result in enumerate(results) if "error" in result
    }
    _assert_reasons(listed, refused, of_admin=False)


def _sent(situation: Situation, rows: Sequence[dict[str, str | int]]) -> list[dict[str, Any]]:
    response = httpx.post(
        f"{situation.url}/api/v1/products/changes", json=rows, headers=situation.bearer, timeout=REST_TIMEOUT_S
    )
    response.raise_for_status()
    results: list[dict[str, Any]] = response.json()["results"]
    assert len(results) == len(rows)
    return results


def _assert_reasons(listed: PriceList, refused: dict[int, str], *, of_admin: bool) -> None:
    """Assert that the bad rows, and no others, are refused, each with the reason of its kind."""
    assert refused.keys() == listed.reasons.keys()
    for place, kind in listed.reasons.items():
        _, in_admin, over_rest = BAD_ROWS[kind]
        assert (in_admin if of_admin else over_rest) in refused[place], (listed.rows[place], refused[place])


def _state() -> dict[str, Any]:
    """Return sums that every change of a product alters, and the newest row of the history."""
    sums = Product.objects.aggregate(versions=Sum("version"), prices=Sum("price"), stocks=Sum("stock"))
    return {**sums, **ProductHistory.objects.aggregate(newest=Max("id"))}
