"""Price lists: the plan of a file, its changes, and the pages of the admin around them."""

import csv
import io
from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from catalog.bulk.changing import ProductChange, change_products
from catalog.bulk.price_lists import apply_price_list, plan_price_list
from catalog.errors import ProductChanged, ProductNotFound, SkuTaken
from catalog.models import Product
from core.admin.pending_imports import apply_once
from core.errors import Forbidden, InvalidInput, TooLarge
from core.models import PendingImport
from tests.core.sheets.test_reading import xlsx
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.pages import messages_of
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db

UPLOAD = "/admin/catalog/product/import/"


@pytest.fixture
def staff(client: Client) -> User:
    user = make_staff()
    client.force_login(user)
    return user


@pytest.fixture
def mug() -> Product:
    return make_product(name="Mug", sku="M-1", price="9.99", stock=10)


def plan(text: str, **options: Any) -> list[Any]:
    return plan_price_list(text.encode(), **{"adds": False} | options)


def stored(product: Product) -> tuple[str, Decimal, int, int]:
    row = Product.objects.get(pk=product.pk)
    return row.name, row.price, row.stock, row.version


def upload(client: Client, text: str, **fields: str) -> HttpResponse:
    file = SimpleUploadedFile("prices.csv", text.encode())
    return client.post(UPLOAD, {"file": file, "stock": "set", "sign": ""} | fields)


# -- The plan -------------------------------------------------------------------------------------------------------
def test_plan_has_the_old_and_new_values_of_what_changes(mug: Product) -> None:
    [row, same] = plan("SKU;Price;Stock;Name;Colour\nm-1;12,50;10;Cup;red\n;;;;\nM-1 ;;;;\n")

    assert (row.line, row.sku, row.product_id, row.problem) == (2, "m-1", mug.pk, "")
    assert row.old == {"price": Decimal("9.99"), "name": "Mug"}
    assert row.new == {"price": Decimal("12.50"), "name": "Cup"}
    assert same.problem == "Line 2 has the same SKU."


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (",1,1,", "The SKU is missing."),
        ("X-9,1,1,", "No product has this SKU."),
        ("M-1\0,1,1,", "No product has this SKU."),
        ("M-1,cheap,1,", "Price: cheap is not a number."),
        ("M-1,0,1,", "Price: Ensure this value is greater than or equal to 0.01."),
        ("M-1,1.001,1,", "Price: Ensure that there are no more than 2 decimal places."),
        ("M-1,1,1.5,", "Stock: 1.5 is not a whole number."),
        ("M-1,1,-1,", "Stock: Ensure this value is greater than or equal to 0."),
        (f"M-1,1,1,{'x' * 201}", "Name: Ensure this value has at most 200 characters (it has 201)."),
    ],
)
def test_plan_says_why_a_row_is_refused(mug: Product, row: str, problem: str) -> None:
    [planned] = plan(f"sku,price,stock,name\n{row}\n", sign=".")

    assert planned.problem == problem
    assert not planned.is_wanted


def test_stock_is_added_or_taken_away(mug: Product) -> None:
    [less] = plan("sku,stock\nM-1,-3\n", adds=True)
    [too_much] = plan("sku,stock\nM-1,-11\n", adds=True)

    assert (less.old, less.new) == ({"stock": 10}, {"stock": 7})
    assert too_much.problem == "Stock: Ensure this value is greater than or equal to 0."


@pytest.mark.parametrize("sku", ["M-1", "X-9"])
@pytest.mark.parametrize("units", ["2147483648", "-2147483648", "9" * 30])
def test_units_that_no_stock_can_get_are_refused(
    client: Client, staff: User, mug: Product, sku: str, units: str
) -> None:
    page = client.get(upload(client, f"sku,stock\n{sku},{units}\n", stock="add").url)

    assert "Stock: Ensure this value is between -2147483647 and 2147483647." in page.content.decode()


def test_xlsx_is_planned_like_csv(mug: Product) -> None:
    [row] = plan_price_list(xlsx(("sku", "price"), ("M-1", 12.5)), adds=False)

    assert row.new == {"price": Decimal("12.5")}


@pytest.mark.parametrize(
    "text", ["", "price\n1\n", "sku\nM-1\n", "sku,price,Price\nM-1,1,2\n", 'sku,price\nM-1,"1,234"\n']
)
def test_file_that_says_too_little_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        plan(text)


def test_file_with_too_many_rows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.bulk.price_lists.MAX_ROWS", 1)

    with pytest.raises(TooLarge):
        plan("sku,price\nA,1\nB,1\n")


def test_number_of_queries_does_not_grow_with_the_rows(mug: Product) -> None:
    for n in range(20):
        make_product(sku=f"T-{n}")
    text = "sku,price,name\n" + "".join(f"T-{n},5.{n:02},Tea {n}\n" for n in range(20))

    with CaptureQueriesContext(connection) as planning:
        rows = plan(text)
    with CaptureQueriesContext(connection) as applying:
        assert apply_price_list(actor=make_staff(), rows=rows, all_or_none=True) == {}

    assert len(planning) == 1
    assert len(applying) <= 12  # savepoints among them
    assert Product.objects.get(name="Tea 7").price == Decimal("5.07")


# -- The changes ----------------------------------------------------------------------------------------------------
def test_changes_have_a_result_each_and_refusals_leave_the_others(mug: Product) -> None:
    tea = make_product(price="3.00")
    changes = [
        ProductChange(mug.pk, {"price": Decimal("5.00")}, seen={"price": Decimal("9.98")}),
        ProductChange(tea.pk, {"name": "Green tea"}, add_stock=-4),
        ProductChange(0, {"price": Decimal(1)}),
    ]

    results = change_products(actor=make_staff(), changes=changes)

    assert [type(result) for result in results] == [ProductChanged, Product, ProductNotFound]
    assert stored(mug) == ("Mug", Decimal("9.99"), 10, 1)
    assert stored(tea) == ("Green tea", Decimal("3.00"), 6, 2)
    assert list(Product.objects.search("GREEN")) == [tea]


def test_sku_of_another_product_is_refused_and_nothing_is_changed(mug: Product) -> None:
    tea = make_product(sku="T-1", price="3.00")
    changes = [ProductChange(mug.pk, {"price": Decimal(5)}), ProductChange(tea.pk, {"sku": "m-1"})]

    with pytest.raises(SkuTaken):
        change_products(actor=make_staff(), changes=changes)

    assert stored(mug) == ("Mug", Decimal("9.99"), 10, 1)
    assert Product.objects.get(pk=tea.pk).sku == "T-1"


def test_customer_may_not_change_products(mug: Product) -> None:
    with pytest.raises(Forbidden):
        change_products(actor=make_user(), changes=[ProductChange(mug.pk, {"price": Decimal(1)})])


@pytest.mark.parametrize("all_or_none", [True, False])
def test_all_or_the_good_ones(mug: Product, all_or_none: bool) -> None:
    tea = make_product(sku="T-1", price="3.00")
    rows = plan("sku,price\nM-1,5.00\nT-1,6.00\n")
    Product.objects.filter(pk=mug.pk).update(price="9.50")

    refused = apply_price_list(actor=make_staff(), rows=rows, all_or_none=all_or_none)

    assert refused[2] == "price 9.99 does not match the current product"
    assert (3 in refused) == all_or_none
    assert stored(tea)[1] == (Decimal("3.00") if all_or_none else Decimal("6.00"))


def test_sale_between_preview_and_import_keeps_added_units_right(mug: Product) -> None:
    rows = plan("sku,stock\nM-1,+40\n", adds=True)
    make_order(lines={mug: 3})

    assert apply_price_list(actor=make_staff(), rows=rows, all_or_none=True) == {}

    assert stored(mug)[2] == 47


# -- The pages ------------------------------------------------------------------------------------------------------
def test_price_list_is_previewed_then_imported_with_a_result_for_each_row(
    client: Client, staff: User, mug: Product
) -> None:
    response = upload(client, "sku;price;stock\nM-1;12,50;9\nX-9;1,00;1\n")
    page = client.get(response.url).content.decode()
    assert "2 rows, 1 to change, 0 unchanged, 1 refused" in page
    assert "No product has this SKU." in page
    assert 'name="all"' not in page
    assert stored(mug) == ("Mug", Decimal("9.99"), 10, 1)

    done = client.post(response.url, {"good": "1"})

    assert "2 rows, 1 changed, 0 unchanged, 1 refused" in client.get(done.url).content.decode()
    assert stored(mug) == ("Mug", Decimal("12.50"), 9, 2)
    results = b"".join(client.get(f"{done.url}results/").streaming_content).decode("utf-8-sig")
    assert list(csv.reader(io.StringIO(results)))[1:] == [
        ["2", "M-1", "changed", "", "price 9.99; stock 10", "price 12.50; stock 9"],
        ["3", "X-9", "refused", "No product has this SKU.", "", ""],
    ]


def test_import_that_is_not_applied_has_no_results(client: Client, staff: User, mug: Product) -> None:
    page = upload(client, "sku,price\nMUG,12.00\n").url

    response: Any = client.get(f"{page}results/")

    assert (response.status_code, response.url) == (302, page)


def test_import_happens_once(client: Client, staff: User, mug: Product) -> None:
    page = upload(client, "sku,stock\nM-1,5\n", stock="add").url

    client.post(page, {"all": "1"})
    client.post(page, {"all": "1"})

    assert stored(mug)[2] == 15


@pytest.mark.django_db(transaction=True)
def test_import_that_is_confirmed_many_times_at_once_happens_once(client: Client, staff: User) -> None:
    products = [make_product(sku=f"T-{n}", stock=10) for n in range(3)]
    page = upload(client, "sku,stock\nT-0,5\nT-1,5\nT-2,5\n", stock="add").url
    cookies = client.cookies

    def confirm(choice: str) -> int:
        another = Client()
        another.cookies = cookies
        return another.post(page, {choice: "1"}).status_code

    assert at_once(*(partial(confirm, choice) for choice in ("good", "all", "good", "all"))) == [302] * 4
    assert [stored(product)[2] for product in products] == [15, 15, 15]
    assert "3 rows, 3 changed, 0 unchanged, 0 refused" in client.get(page).content.decode()


def test_import_that_was_killed_is_continued_and_not_cancelled(
    client: Client, staff: User, mug: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_product(sku="T-1", stock=10)
    page = upload(client, "sku,stock\nM-1,5\nT-1,5\n", stock="add").url
    kept, sizes = PendingImport.objects.get(), list[int]()

    def apply_rows(rows: Sequence[object]) -> dict[int, str]:
        sizes.append(len(rows))
        if len(sizes) == 2:
            raise KeyboardInterrupt
        return {2: "Refused"}

    with pytest.raises(KeyboardInterrupt):
        apply_once(kept, ["row of the mug", "row of tea"], 1, apply_rows)
    cancelled = client.post(page, {"cancel": "1"})
    client.post(page, {"good": "1"})

    assert messages_of(cancelled) == ["The import has begun already, so it can't be cancelled."]
    assert [product.stock for product in Product.objects.order_by("pk")] == [10, 15]
    results = b"".join(client.get(f"{page}results/").streaming_content).decode("utf-8-sig")
    assert [row[2:4] for row in csv.reader(io.StringIO(results))][1:] == [["refused", "Refused"], ["changed", ""]]


def test_import_that_is_done_can_not_be_cancelled(client: Client, staff: User, mug: Product) -> None:
    page = upload(client, "sku,price\nM-1,5.00\n").url
    client.post(page, {"good": "1"})

    response = client.post(page, {"cancel": "1"})

    assert messages_of(response) == ["The import has begun already, so it can't be cancelled."]
    assert PendingImport.objects.get().is_done


def test_cancelled_import_leaves_no_trace(client: Client, staff: User, mug: Product) -> None:
    page = upload(client, "sku,price\nM-1,5.00\n").url

    response = client.post(page, {"cancel": "1"})

    assert messages_of(response) == ["The import was cancelled; nothing was changed."]
    assert stored(mug) == ("Mug", Decimal("9.99"), 10, 1)
    assert not PendingImport.objects.exists()
    assert client.get(page).status_code == 404


def test_refused_file_is_said_in_the_form(client: Client, staff: User) -> None:
    page = upload(client, 'sku,price\nM-1,"1,234"\n')

    assert "1,234 has a decimal sign or groups thousands. Choose the decimal sign." in page.content.decode()


def test_import_is_its_users_own(client: Client, staff: User, mug: Product) -> None:
    page = upload(client, "sku,price\nM-1,5.00\n").url
    client.force_login(make_staff())

    assert client.get(page).status_code == client.post(page, {"all": "1"}).status_code == 404
    assert stored(mug)[3] == 1


def test_customer_is_sent_to_the_sign_in(client: Client, mug: Product) -> None:
    client.force_login(make_user())

    assert upload(client, "sku,price\nM-1,5.00\n").url == f"/admin/login/?next={UPLOAD}"
