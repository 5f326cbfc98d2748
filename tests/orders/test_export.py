"""The export of orders from the admin's list."""

import csv
import io
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from accounts.models import User
from orders.models import Order
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.pages import fields_of

pytestmark = pytest.mark.django_db

LIST = "/admin/orders/order/"
HEADER = ["Number", "Placed", "Status", "Customer", "Email", "Total", "Currency"]


@pytest.fixture
def staff(client: Client) -> User:
    user = make_staff()
    client.force_login(user)
    return user


def export(client: Client, orders: list[Order], query: str = "", **fields: str) -> HttpResponse:
    chosen = {"contents": "totals", "file_format": "csv"} | fields
    return client.post(f"{LIST}{query}", {"action": "export", "_selected_action": [row.pk for row in orders]} | chosen)


def rows_of(response: HttpResponse) -> list[list[str]]:
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def dated(order: Order, moment: str, number: str) -> Order:
    Order.objects.filter(pk=order.pk).update(created_at=moment, number=number)
    return order


def test_page_asks_for_rows_and_file_and_its_form_downloads(client: Client, staff: User) -> None:
    order = make_order()

    page = client.post(LIST, {"action": "export", "_selected_action": [order.pk]})
    response = client.post(LIST, fields_of(page, "export-form"))

    assert "Export 1 order" in page.content.decode()
    assert response["Content-Disposition"].startswith('attachment; filename="orders-')
    assert [row[0] for row in rows_of(response)] == ["Number", Order.objects.get().number]


def test_totals_have_a_row_for_each_selected_order(client: Client, staff: User) -> None:
    joe = make_user(username="joe", email="joe@example.com")
    first = dated(make_order(joe), "2025-03-01T10:00:00Z", "A1")
    guest = dated(make_order(), "2025-03-02T10:00:00Z", "=A2")
    Order.objects.filter(pk=guest.pk).update(user=None)
    make_order()

    assert rows_of(export(client, [first, guest])) == [
        HEADER,
        ["'=A2", "2025-03-02 10:00:00", "pending", "", "", "9.99", "USD"],
        ["A1", "2025-03-01 10:00:00", "pending", "joe", "joe@example.com", "9.99", "USD"],
    ]


@pytest.mark.parametrize("batch", [1, 1_000])
def test_lines_have_a_row_for_each_line(
    client: Client, staff: User, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr("orders.admin.exporting.ORDERS_PER_QUERY", batch)
    mug, tea = make_product(name="Mug", price="2.50", sku="M-1"), make_product(name="-Tea", price="3.00")
    early = dated(make_order(lines={mug: 2, tea: 1}), "2025-03-01T10:00:00Z", "A1")
    late = dated(make_order(lines={mug: 1}), "2025-03-02T10:00:00Z", "A2")

    header, *rows = rows_of(export(client, [early, late], contents="lines"))

    assert header == [*HEADER, "SKU", "Product", "Unit price", "Quantity", "Line total"]
    assert [[row[0], row[5], *row[7:]] for row in rows] == [
        ["A2", "2.50", "M-1", "Mug", "2.50", "1", "2.50"],
        ["A1", "8.00", "M-1", "Mug", "2.50", "2", "5.00"],
        ["A1", "8.00", "", "'-Tea", "3.00", "1", "3.00"],
    ]


def test_whole_list_is_exported_as_it_is_filtered(client: Client, staff: User) -> None:
    paid, _ = make_order(), make_order()
    Order.objects.filter(pk=paid.pk).update(status="paid")

    _, *rows = rows_of(export(client, [paid], "?status__exact=paid", select_across="1"))

    assert [row[2] for row in rows] == ["paid"]


def test_excel_file_opens(client: Client, staff: User) -> None:
    order = make_order()

    content = b"".join(export(client, [order], file_format="xlsx").streaming_content)

    rows = list(load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True))
    order.refresh_from_db()
    assert rows[0] == tuple(HEADER)
    assert (rows[1][0], rows[1][5]) == (order.number, 9.99)


def test_number_of_queries_does_not_grow_with_the_orders(client: Client, staff: User) -> None:
    def queries(orders: list[Order]) -> int:
        with CaptureQueriesContext(connection) as counted:
            assert len(rows_of(export(client, orders, contents="lines"))) == len(orders) + 1
        return len(counted)

    orders = [make_order() for _ in range(12)]
    queries(orders[:1])  # the first one of a process also asks for the content type
    assert queries(orders[:2]) == queries(orders)


@pytest.mark.parametrize("fields", [{"file_format": "pdf"}, {"contents": "all"}])
def test_unknown_choice_asks_again(client: Client, staff: User, fields: dict[str, str]) -> None:
    response = export(client, [make_order()], **fields)

    assert response.status_code == 200
    assert "Select a valid choice" in response.content.decode()


def test_customer_is_sent_to_the_sign_in(client: Client) -> None:
    client.force_login(make_user())

    response: Any = export(client, [make_order()])

    assert (response.status_code, response.url) == (302, f"/admin/login/?next={LIST}")
