"""The tasks: each begins at the dashboard, and its result is checked. They return their title."""

import csv
import json
from collections.abc import Callable
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from django.db.models import F, Sum

from accounts.models import User
from benchmarks.staff_tasks.filling import CATEGORY, FAILURE
from benchmarks.staff_tasks.person import LONG_S, Person
from benchmarks.staff_tasks.price_lists import write_price_list
from benchmarks.staff_tasks.situation import CHIEF, COLLEAGUE, PAID, PRICED_ID, SCARCE_ID, Situation
from catalog.models import Product, ProductHistory
from core.admin.display import money
from core.moments import shop_now
from core.permissions import StaffRole
from orders.models import NO_SALE, Order, OrderStatus
from reports.periods import Period, month_of

LISTED, BAD = 2_000, 2  # rows of the price list
CENT = Decimal("0.01")
CARRIER, UNITS, REASON = "DHL", -3, "Broken on the shelf"
LIST = "document.querySelector('#result_list')"
Task = Callable[[Person, Situation], str]


def find_order_by_number(person: Person, situation: Situation) -> str:
    order = Order.objects.all()[1_000]
    person.decide()
    _open_result(person, order.number, order.number, f"/admin/orders/order/{order.pk}/change/")
    return "find an order by its number (Ctrl-K)"


def find_order_by_email(person: Person, situation: Situation) -> str:
    user = Order.objects.exclude(user=None).select_related("user")[2_000].user
    assert user is not None
    newest = user.orders.newest_first()[0]
    person.decide()
    _open_result(person, user.email, newest.number, f"/admin/orders/order/{newest.pk}/change/")
    return "find an order by e-mail (Ctrl-K)"


def ship_paid_orders(person: Person, situation: Situation) -> str:
    paid = list(Order.objects.filter(status=OrderStatus.PAID).values_list("pk", flat=True))
    assert len(paid) == PAID
    person.decide()
    person.click("main a[href*='status__exact=paid']")
    person.wait_for_page(LIST)
    person.decide()
    for row in range(1, PAID + 1):
        person.click(
            f"#result_list tbody:nth-of-type({row}) input.action-select, "
            f"#result_list tbody tr:nth-child({row}) input.action-select"
        )
    person.decide()
    _run(person, "S")
    person.wait_for_page("document.activeElement.name === 'carrier'")
    person.decide()
    person.type(CARRIER)
    person.click("#move-form button", f"Ship {PAID} orders")
    person.wait_for_page(f"document.body.textContent.includes('Moved: {PAID} of {PAID}.')")
    person.decide()
    shipped = Order.objects.filter(pk__in=paid, status=OrderStatus.SHIPPED, carrier=CARRIER)
    assert shipped.count() == PAID
    return 'ship five paid orders ("Paid" on the dashboard)'


def correct_stock(person: Person, situation: Situation) -> str:
    product = Product.objects.get(pk=SCARCE_ID)
    assert product.sku
    person.decide()
    _open_result(person, product.sku, product.name, f"/admin/catalog/product/{product.pk}/change/")
    person.click("input[name=units]")
    person.type(str(UNITS))
    person.click("form[aria-label='Correct the stock'] input[name=reason]")
    person.decide()
    person.type(REASON)
    person.click("button", "Correct the stock")
    person.wait_for_page(page_says(f"The stock is {product.stock + UNITS} now."))
    change = ProductHistory.objects.filter(product_id=product.pk).order_by("id").last()
    assert change is not None
    assert (change.units, change.stock, change.reason) == (UNITS, product.stock + UNITS, REASON)
    product.refresh_from_db()
    assert product.stock == change.stock
    return f"correct a stock by {UNITS} (Ctrl-K)"


def export_orders_of_month(person: Person, situation: Situation) -> str:
    month = month_of(month_of(shop_now().date()).first - timedelta(days=1))
    start, end = month.bounds()
    orders = Order.objects.filter(created_at__gte=start, created_at__lt=end)
    person.decide()
    open_by_menu(person, "Orders")
    person.decide()
    _open_filters(person)
    for name, day in (("from", month.first), ("to", month.last)):
        person.click(f"input[name=created_at_{name}]")
        person.type(day.isoformat())
    person.click("#filter-form button", "Apply Filters")
    person.wait_for_page(f"{LIST} && location.search.includes('{month.last}')")
    person.decide()
    person.click("#action-toggle")
    person.click(".question a")
    person.decide()
    _run(person, "E")
    person.wait_for_page("document.querySelector('[name=file_format]')")
    person.decide()
    file = downloaded(person, situation.folder, lambda: person.click("#export-form [type=submit]"))
    with file.open(encoding="utf-8-sig", newline="") as rows:
        totals = [Decimal(row["Total"]) for row in csv.DictReader(rows)]
    count = orders.count()
    assert (len(totals), sum(totals)) == (count, orders.aggregate(total=Sum("total"))["total"])
    return f"export the {count:,} orders of a month"


def import_price_list(person: Person, situation: Situation) -> str:
    listed = write_price_list(situation.folder / "prices.csv", LISTED, BAD)
    person.decide()
    open_by_menu(person, "Products")
    person.decide()
    person.click("a", "Import price list")
    person.wait_for_page("document.querySelector('#import-form')")
    person.choose_file("#import-form input[type=file]", listed.file)
    person.decide()
    person.click("#import-form [type=submit]")
    person.wait_for_page(page_says(f"{LISTED - BAD:,} to change, 0 unchanged, {BAD} refused."))
    person.decide()
    person.click("#apply-form [name=good]")
    person.wait_for_page(page_says(f"{LISTED - BAD:,} changed, 0 unchanged, {BAD} refused."))
    listed.assert_applied()
    return f"import a price list of {LISTED:,} rows, {BAD} of them refused"


def see_price_history(person: Person, situation: Situation) -> str:
    product = Product.objects.get(pk=PRICED_ID)
    assert product.sku
    person.decide()
    _open_result(person, product.sku, product.name, f"/admin/catalog/product/{product.pk}/change/")
    person.click("a", "History")
    person.wait_for_page("document.querySelector('td[data-label=Fields]')")
    row = person.page.value_of("document.querySelector('td[data-label=Fields] ins').closest('tr').textContent")
    assert str(situation.price) in row, row
    assert f"{CHIEF}, rest" in row, row
    return "see who changed a price, and when (Ctrl-K)"


def see_webhook_failure(person: Person, situation: Situation) -> str:
    person.decide()
    open_by_menu(person, "Deliveries")
    _open_filters(person)
    person.decide()
    person.click("#filter-form label", "Failed")
    person.click("#filter-form button", "Apply Filters")
    person.wait_for_page(f"{LIST} && location.search.includes('progress=given_up')")
    rows = _rows(person)
    assert rows
    assert all(FAILURE in row for row in rows), rows
    return "see why a webhook failed"


def list_low_stocks(person: Person, situation: Situation) -> str:
    person.decide()
    person.click("main a", "All low-stock products")
    person.wait_for_page(f"{LIST} && location.search === '?stock_is=low'")
    rows = _rows(person)
    low = Product.objects.filter(stock__lte=F("reorder_level")).order_by("stock", "id")
    assert rows
    for row, name in zip(rows, low.values_list("name", flat=True), strict=False):
        assert name in row, (name, row)
    return "list low stocks (dashboard)"


def compare_revenue(person: Person, situation: Situation) -> str:
    today = shop_now().date()
    month = Period(today.replace(day=1), today)
    person.decide()
    open_by_menu(person, "Sales", "document.querySelector('.shop-sums')")
    shown = person.page.value_of("document.querySelector('.shop-sums').textContent")
    for name, period in (("this", month), ("last", month.before())):
        start, end = period.bounds()
        sold = Order.objects.filter(created_at__gte=start, created_at__lt=end).exclude(status__in=NO_SALE)
        revenue = money(sold.aggregate(total=Sum("total"))["total"])
        assert revenue in shown, (name, revenue, shown)
    return "compare the revenue of this month with the last"


def raise_prices_of_category(person: Person, situation: Situation) -> str:
    products = Product.objects.filter(category__name=CATEGORY)
    before = dict(products.values_list("pk", "price"))
    person.decide()
    open_by_menu(person, "Categories")
    person.click("#searchbar")
    person.type(CATEGORY.lower())
    person.press_enter()
    person.wait_for_page(f"{LIST} && location.search.includes('q=')")
    person.click(f"a[aria-label='Products of {CATEGORY}']")
    person.wait_for_page(f"{LIST} && location.search.includes('category=')")
    person.decide()
    person.click("a", "Change the prices of all these products by percent")
    person.wait_for_page("document.activeElement.name === 'percent'")
    person.type("10")
    person.decide()
    person.click("#percent-form [name=preview]")
    person.wait_for_page("document.querySelector('#apply-form')")
    person.decide()
    person.click("#apply-form [name=apply]")
    person.wait_for_page(page_says(f"Prices changed: {len(before)}."))
    wanted = {pk: (price * Decimal("1.1")).quantize(CENT, ROUND_HALF_UP) for pk, price in before.items()}
    assert dict(products.values_list("pk", "price")) == wanted
    return f"+10 % on a category of {len(before):,} products"


def find_request(person: Person, situation: Situation) -> str:
    person.decide()
    open_by_menu(person, "Requests")
    person.click("#searchbar")
    person.paste(situation.request_id)
    person.press_enter()
    person.wait_for_page(f"{LIST} && location.search.includes('q=')")
    person.decide()
    person.click("#result_list a", situation.request_id)
    person.wait_for_page(page_says(f"product {PRICED_ID} changed"))
    return "find the story of a request, its id pasted"


def give_role(person: Person, situation: Situation) -> str:
    colleague = User.objects.get(username=COLLEAGUE)
    person.decide()
    _open_result(person, COLLEAGUE, COLLEAGUE, f"/admin/accounts/user/{colleague.pk}/change/")
    person.decide()
    person.click("#id_groups label", StaffRole.ORDERS)
    person.click("button[name=_save]")
    person.wait_for_page(f"{LIST} && {page_says('was changed successfully')}")
    assert list(colleague.groups.values_list("name", flat=True)) == [StaffRole.ORDERS]
    return "give a colleague a role (Ctrl-K)"


TASKS: tuple[Task, ...] = (
    find_order_by_number,
    find_order_by_email,
    ship_paid_orders,
    correct_stock,
    export_orders_of_month,
    import_price_list,
    see_price_history,
    see_webhook_failure,
    list_low_stocks,
    compare_revenue,
    raise_prices_of_category,
    find_request,
    give_role,
)


# -- Steps of several tasks -------------------------------------------------------------------------------------
def _open_result(person: Person, text: str, shown: str, path: str) -> None:
    """Search by Ctrl-K, and open the first result, which shows a text, by Enter."""
    person.press_ctrl_k()
    person.wait_for_view("document.activeElement.id === 'search-input-command'")
    person.type(text)
    first = "document.querySelector('#command-results a')"
    person.wait_for_view(f"{first}?.textContent.includes({json.dumps(shown)})")
    person.decide()
    person.press_enter()
    person.wait_for_page(f"location.pathname === '{path}' && document.querySelector('main')")


def open_by_menu(person: Person, title: str, shown: str = LIST) -> None:
    person.click("#nav-sidebar a", title)
    person.wait_for_page(shown)


def _open_filters(person: Person) -> None:
    person.click("main button", "Filters")
    person.wait_for_view("document.querySelector('#filter-form').checkVisibility()")


def _run(person: Person, letter: str) -> None:
    """Run the action of the list that begins with the letter."""
    person.choose("select[name=action]", letter)
    person.click("#changelist-actions button", "Run")


def _rows(person: Person) -> list[str]:
    rows: list[str] = person.page.value_of(
        "[...document.querySelectorAll('#result_list tbody tr')].map(e => e.textContent)"
    )
    return rows


def page_says(text: str) -> str:
    return f"document.body.textContent.includes({json.dumps(text)})"


def downloaded(person: Person, folder: Path, act: Callable[[], Any]) -> Path:
    """Return the file that an action downloads, when it is complete."""
    before = set(folder.glob("*.csv"))
    context = person.page.command("Target.getTargetInfo")["targetInfo"]["browserContextId"]
    person.page.command(
        "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder), browserContextId=context
    )
    act()
    person.wait_until(lambda: set(folder.glob("*.csv")) - before, "The file is not complete", LONG_S)
    return (set(folder.glob("*.csv")) - before).pop()
