"""The time of every list of the admin: each sort, page, filter and search, in the database of DATABASE_URL.

    DATABASE_URL=postgres://... python -m benchmarks.admin_lists [--above 150] [--only catalog.product]

`python -m benchmarks.staff_tasks --rows 1000000` fills such a database. A case is one request to the whole of Django in
this process, without a network: the median of three after one that does not count. The script prints a line for each
list, and one for each case above `--above` milliseconds. It changes nothing but the superuser's time of sign-in.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.apps import apps
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.db import connection
from django.test import Client, RequestFactory
from django.urls import reverse

import benchmarks.servers  # noqa: F401  # sets Django up
from accounts.models import User
from core.admin.filters import DayRangeFilter, MoneyRangeFilter

PAGES = (1, 2, 1_000, 10_000)  # and the last one
SEARCHES = {
    "catalog.product": ["zephyr", "number 99", "777", "red", "a", "99", "number 12", "red 7", "SKU-00000777", "none"],
    "orders.order": ["user", "user777", "777", "777 77", "99", "N00", "user 99", "user777@example.com", "none"],
    "accounts.user": ["user", "user777", "777", "99", "a", "user 12", "example.com", "12 34", "none"],
}
OTHER_SEARCHES = ["1", "777", "user", "none"]


class Case(NamedTuple):
    kind: str  # pages, filters, searches
    query: str


def cases(changes: ChangeList, words: list[str]) -> Iterator[Case]:
    """Yield every page of every sort, every filter in every sort, and every search in every sort."""
    sorts = ["", *(f"{minus}{column}" for column in sortable(changes) for minus in ("", "-"))]
    last = changes.paginator.num_pages
    for sort, page in itertools.product(sorts, sorted({*(each for each in PAGES if each < last), last})):
        yield Case("pages", urlencode({"o": sort, "p": page}))
    for sort, chosen in itertools.product(sorts, filters(changes)):
        yield Case("filters", f"{chosen}&o={sort}")
    for sort, word in itertools.product(sorts, words):
        yield Case("searches", urlencode({"q": word, "o": sort}))


def sortable(changes: ChangeList) -> list[int]:
    """Return the columns that the list can be sorted by, as its parameter `o` numbers them."""
    names = changes.sortable_by or ()
    return [n for n, name in enumerate(changes.list_display) if name in names and changes.get_ordering_field(name)]


def filters(changes: ChangeList) -> list[str]:
    """Return each choice of each filter, and three ranges of each filter of days or amounts, as queries."""
    found = []
    for each in changes.filter_specs:
        if isinstance(each, DayRangeFilter):
            found += ranges(each.parameter_name, days(changes, each.parameter_name))
        elif isinstance(each, MoneyRangeFilter):
            found += ranges(each.parameter_name, [("10", "20"), ("500", ""), ("1", "1000")])
        else:
            found += [
                str(choice["query_string"]).lstrip("?")
                for choice in each.choices(changes)
                if choice.get("query_string")
            ]
    return [query for query in dict.fromkeys(found) if query]


def ranges(name: str, bounds: list[tuple[str, str]]) -> list[str]:
    return [urlencode({f"{name}_from": low, f"{name}_to": high}) for low, high in bounds]


def days(changes: ChangeList, field: str) -> list[tuple[str, str]]:
    """Return the newest day that has rows, the week before it, and all days until then."""
    newest = changes.model._default_manager.order_by(f"-{field}").values_list(field, flat=True).first()
    if newest is None:
        return []
    end, week = newest.date(), newest.date() - timedelta(days=7)
    return [(str(end), str(end)), (str(week), str(end)), ("", str(week))]


def measured(client: Client, url: str) -> tuple[float, int]:
    """Return the milliseconds of a list, and its number of statements."""
    statements = []

    def count(execute: Any, *call: Any) -> Any:
        statements.append(call)
        return execute(*call)

    with connection.execute_wrapper(count):
        _ask(client, url)
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        _ask(client, url)
        times.append((time.perf_counter() - begin) * 1_000)
    return statistics.median(times), len(statements)


def _ask(client: Client, url: str) -> None:
    response = client.get(url)
    if response.status_code != 200:
        raise SystemExit(f"{url}: {response.status_code}")


def report(label: str, model_admin: "ModelAdmin[Any]", client: Client, user: User, above_ms: float) -> None:
    """Print the figures of one list."""
    request: Any = RequestFactory().get("/")
    request.user = user
    base = reverse(f"admin:{label.replace('.', '_')}_changelist")
    times: dict[str, list[float]] = {}
    statements, slow = set(), []
    for case in cases(model_admin.get_changelist_instance(request), SEARCHES.get(label, OTHER_SEARCHES)):
        ms, count = measured(client, f"{base}?{case.query}")
        times.setdefault(case.kind, []).append(ms)
        statements.add(count)
        if ms > above_ms:
            slow.append((ms, case))
    parts = [f"{kind} {_summary(found, above_ms)}" for kind, found in times.items()]
    print(f"{label}: {'; '.join(parts)}; {min(statements)} to {max(statements)} statements", flush=True)
    for ms, case in sorted(slow, reverse=True):
        print(f"    {ms:6.0f} ms  {case.kind}  ?{case.query}")


def _summary(times: list[float], above_ms: float) -> str:
    above, middle = sum(ms > above_ms for ms in times), statistics.median(times)
    return f"{above} of {len(times)} above {above_ms:g} ms (median {middle:.0f}, longest {max(times):.0f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--above", type=float, default=150, help="milliseconds above which a case is printed")
    parser.add_argument("--only", help="one list, such as catalog.product")
    options = parser.parse_args()
    user = User.objects.filter(is_superuser=True).first()
    if user is None:
        parser.error("the database has no superuser: fill it first")
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    for model in filter(admin.site.is_registered, apps.get_models()):
        if options.only in (None, model._meta.label_lower):
            report(model._meta.label_lower, admin.site.get_model_admin(model), client, user, options.above)


if __name__ == "__main__":
    main()
