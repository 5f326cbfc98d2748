"""The report on sales in the protocols: the figures of the admin's page, for the same staff."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import User
from catalog.models import Product
from core.permissions import StaffRole
from orders.models import Order
from reports import report
from reports.best_sellers import SoldProduct
from tests.support.api import Api, errors_of
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.graph import Graph

pytestmark = pytest.mark.django_db
MARCH = "/sales?created_from=2025-03-01&created_to=2025-03-31"
NONE = {"cancelled_count": 0, "cancelled_total": 0.0, "refunded_count": 0, "refunded_total": 0.0}


def placed(moment: str, status: str, units: dict[Any, int]) -> None:
    order = make_order(lines=units)
    Order.objects.filter(pk=order.pk).update(created_at=moment, status=status)


@pytest.fixture
def staff(settings: Any) -> User:
    """Orders of February and March, in Paris: the clock is one hour before UTC."""
    settings.STORE_TIME_ZONE = "Europe/Paris"
    mug, gone = make_product(name="Mug", price="2.50"), make_product(name="Gone", price="1.00")
    placed("2025-02-28T23:00:00Z", "paid", {mug: 3, gone: 1})  # the first moment of March
    placed("2025-03-20T12:00:00Z", "shipped", {mug: 1})
    placed("2025-03-20T12:00:00Z", "delivered", {gone: 1})
    placed("2025-03-21T12:00:00Z", "refunded", {mug: 1})
    placed("2025-03-22T12:00:00Z", "cancelled", {gone: 1})
    placed("2025-02-10T12:00:00Z", "pending", {mug: 2})
    placed("2025-03-31T22:00:00Z", "paid", {mug: 1})  # the first moment of April
    gone.delete()
    return make_staff()


def test_report_has_the_figures_of_the_period_and_of_the_one_before(staff: User) -> None:
    body = Api(staff).get(MARCH).json()

    assert body["time_zone"] == "Europe/Paris"
    assert body["sales"] == {
        "created_from": "2025-03-01",
        "created_to": "2025-03-31",
        "order_count": 3,
        "revenue": 12.0,
        "average_order": 4.0,
        "cancelled_count": 1,
        "cancelled_total": 1.0,
        "refunded_count": 1,
        "refunded_total": 2.5,
    }
    february = {"created_from": "2025-02-01", "created_to": "2025-02-28"}
    assert body["before"] == february | {"order_count": 1, "revenue": 5.0, "average_order": 5.0} | NONE
    assert [row for row in body["days"] if row["order_count"]] == [
        {"day": "2025-03-01", "order_count": 1, "revenue": 8.5},
        {"day": "2025-03-20", "order_count": 2, "revenue": 3.5},
    ]
    sold = [(row["name"], row["is_deleted"], row["units"], row["revenue"]) for row in body["best_sellers"]]
    assert sold == [("Mug", False, 4, 10.0), ("Gone", True, 2, 2.0)]


def test_second_version_has_amounts_with_their_currency(staff: User) -> None:
    body = Api(staff, base="/api/v2").get(MARCH).json()

    money = {"amount": "12.00", "currency": "USD"}
    assert (body["sales"]["revenue"], body["days"][1]["revenue"]["amount"]) == (money, "0.00")
    assert body["best_sellers"][0]["revenue"] == money | {"amount": "10.00"}


@pytest.mark.parametrize("base", ["/api/v1", "/api/v2"])
def test_days_without_orders_have_no_average(staff: User, base: str) -> None:
    body = Api(staff, base=base).get("/sales?created_from=2020-01-01&created_to=2020-01-01").json()

    assert (body["sales"]["order_count"], body["sales"]["average_order"], body["best_sellers"]) == (0, None, [])


def test_average_is_rounded_half_up_in_the_admin_too(staff: User, client: Client) -> None:
    for price in ("7.01", "7.02"):
        placed("2024-05-01T12:00:00Z", "paid", {make_product(price=price): 1})
    client.force_login(staff)

    body = Api(staff).get("/sales?created_from=2024-05-01&created_to=2024-05-01").json()
    page = client.get("/admin/reports/salesday/", {"first": "2024-05-01", "last": "2024-05-01"})

    assert body["sales"]["average_order"] == 7.02
    assert page.context_data["figures"][2]["now"] == "7.02 USD"


def test_graphql_reads_a_part_of_the_report(staff: User) -> None:
    query = '{ sales(createdFrom: "2025-03-01", createdTo: "2025-03-31") { sales { revenue } bestSellers { units } } }'

    found = Graph(staff).data(query)["sales"]

    assert found == {"sales": {"revenue": 12.0}, "bestSellers": [{"units": 4}, {"units": 2}]}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("", {"created_from", "created_to"}),
        ("created_from=1.3.2025&created_to=2025-02-30", {"created_from", "created_to"}),
        ("created_from=2025-03-02&created_to=2025-03-01", {"created_to"}),
        ("created_from=2025-03-01&created_to=2028-03-03", {"created_to"}),
        ("created_from=0001-01-01&created_to=0001-01-01", {"created_from"}),
        ("created_from=9999-12-31&created_to=9999-12-31", {"created_from"}),
    ],
)
def test_days_that_are_no_period_are_refused(staff: User, query: str, named: set[str]) -> None:
    response = Api(staff).get(f"/sales?{query}")

    assert (response.status_code, set(errors_of(response)["errors"])) == (400, named)


def test_missing_day_is_named(staff: User) -> None:
    response = Api(staff).get("/sales?created_from=2025-03-01")

    assert errors_of(response)["error"] == "created_to is required"


@pytest.mark.parametrize("first", ["1900-01-01", "2999-12-31"])
def test_first_and_last_possible_period(staff: User, first: str) -> None:
    assert Api(staff).get(f"/sales?created_from={first}&created_to={first}").status_code == 200


@pytest.mark.parametrize(("role", "status"), [("orders", 200), ("read only", 200), ("catalogue", 403)])
def test_roles_of_staff_that_see_the_page_see_the_report(staff: User, role: str, status: int) -> None:
    staff.groups.add(Group.objects.get(name=StaffRole(role)))

    assert Api(staff).get(MARCH).status_code == status


def test_customers_and_strangers_see_no_report() -> None:
    assert [Api(user).get(MARCH).status_code for user in (make_user(), None)] == [403, 401]


def test_deleted_best_seller_has_the_name_of_its_last_line(staff: User) -> None:
    lamp = make_product(name="Lamp", price="9.00")
    placed("2025-03-05T12:00:00Z", "paid", {lamp: 1})
    Product.objects.filter(pk=lamp.pk).update(name="Desk lamp")
    lamp.refresh_from_db()
    placed("2025-03-04T12:00:00Z", "paid", {lamp: 1})
    lamp.delete()

    names = [row["name"] for row in Api(staff).get(MARCH).json()["best_sellers"]]

    assert names == ["Desk lamp", "Mug", "Gone"]


def test_best_seller_whose_lines_are_deleted_meanwhile_is_named_by_its_id(
    staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "best_sellers", lambda period, count: [SoldProduct(987_654, 2, Decimal(5))])

    (sold,) = Api(staff).get(MARCH).json()["best_sellers"]

    assert (sold["product_id"], sold["name"], sold["is_deleted"]) == (987_654, "987654", True)
