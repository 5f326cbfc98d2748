"""What the admins share: the sign-in, the dashboard, who gets in, and what lists cost."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from catalog.admin import products as product_admin
from catalog.models import Product
from core.admin.display import exactly, moment, money
from core.rates import limits
from orders.models import Order
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.pages import messages_of

pytestmark = pytest.mark.django_db

PASSWORD = "a-Long-enough-1"
LISTS = ("/admin/catalog/product/", "/admin/orders/order/", "/admin/accounts/user/")
PAGES = (*LISTS, "/admin/", "/admin/catalog/product/add/", "/admin/accounts/user/add/", "/admin/password_change/")
MAX_QUERIES = 12
PRODUCTS, REQUESTS, RESET = "/admin/catalog/product/", "/admin/ecommerce/loggedrequest/", "Reset search and filters"


@pytest.fixture
def staff(client: Client) -> User:
    user = make_staff()
    client.force_login(user)
    return user


@pytest.fixture
def small_budget(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three sign-ins a minute, in a minute that doesn't end."""

    class Clock:
        time = staticmethod(lambda: 1_000_015.0 * limits.WINDOW_S / limits.WINDOW_S)

    settings.RATE_LIMITS, settings.REDIS_URL, settings.RATE_SIGN_IN_PER_MINUTE = True, "", 3
    monkeypatch.setattr(limits, "time", Clock)


# -- Signing in -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("opened", ["/admin/login/", "/admin/"])
def test_staff_sign_in_and_land_in_the_admin(client: Client, opened: str) -> None:
    make_staff(username="mia", password=PASSWORD)
    page = client.get(opened, follow=True)
    url = page.request["PATH_INFO"] + (f"?{page.request['QUERY_STRING']}" if page.request["QUERY_STRING"] else "")

    response = client.post(url, {"username": "mia", "password": PASSWORD}, follow=True)

    assert response.redirect_chain == [("/admin/", 302)]
    assert response.status_code == 200
    assert response.context_data["title"] == "Dashboard"


@pytest.mark.parametrize("who", ["wrong password", "customer", "inactive"])
def test_who_is_no_active_staff_does_not_sign_in(client: Client, who: str) -> None:
    make_user(username="mia", password=PASSWORD, is_staff=who != "customer", is_active=who != "inactive")
    entered = "wrong" if who == "wrong password" else PASSWORD

    response = client.post("/admin/login/", {"username": "mia", "password": entered})

    assert "Please enter the correct username and password for a staff account." in response.content.decode()
    assert "_auth_user_id" not in client.session


@pytest.mark.usefixtures("small_budget")
def test_one_try_too_many_says_how_long_to_wait_even_with_the_right_password(client: Client) -> None:
    make_staff(username="mia", password=PASSWORD)
    for _ in range(3):
        client.post("/admin/login/", {"username": "mia", "password": "wrong"})

    response = client.post("/admin/login/", {"username": "mia", "password": PASSWORD})
    other_name = client.post("/admin/login/", {"username": "other", "password": "x"})

    wait = limits.WINDOW_S - 1_000_015 % limits.WINDOW_S
    for refused in (response, other_name):
        assert f"Too many attempts to sign in. Wait {wait} seconds, then try again." in refused.content.decode()
    assert "_auth_user_id" not in client.session


@pytest.mark.usefixtures("small_budget")
def test_guessers_at_many_addresses_share_the_budget_of_a_name(client: Client, settings: Any) -> None:
    settings.RATE_SIGN_IN_NAME_PER_MINUTE = 4
    make_staff(username="mia", password=PASSWORD)
    for n in range(4):
        client.post("/admin/login/", {"username": "mia", "password": "wrong"}, REMOTE_ADDR=f"192.0.2.{n}")

    response = client.post("/admin/login/", {"username": "MIA", "password": "wrong"}, REMOTE_ADDR="192.0.2.9")

    assert "Too many attempts to sign in" in response.content.decode()


@pytest.mark.long
@pytest.mark.usefixtures("small_budget")
def test_wrong_tries_from_one_address_do_not_lock_the_owner_out(client: Client) -> None:
    make_staff(username="mia", password=PASSWORD)
    for _ in range(30):
        client.post("/admin/login/", {"username": "mia", "password": "wrong"}, REMOTE_ADDR="2001:db8:1:2::1")

    same = client.post("/admin/login/", {"username": "mia", "password": PASSWORD}, REMOTE_ADDR="2001:db8:1:2::2")
    other = client.post("/admin/login/", {"username": "mia", "password": PASSWORD}, REMOTE_ADDR="2001:db8:1:3::1")

    assert "Too many attempts to sign in" in same.content.decode()
    assert (other.status_code, other.url) == (302, "/admin/")


@pytest.mark.parametrize("path", [*PAGES, "/admin/catalog/product/change-prices/", "/admin/orders/order/1/move/"])
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("is_customer", [True, False])
def test_who_is_no_staff_is_sent_to_the_sign_in(client: Client, path: str, method: str, is_customer: bool) -> None:
    if is_customer:
        client.force_login(make_user())

    response = getattr(client, method)(path)

    assert (response.status_code, response.url) == (302, f"/admin/login/?next={path}")


@pytest.mark.parametrize("path", PAGES)
def test_staff_need_none_of_djangos_model_permissions(client: Client, staff: User, path: str) -> None:
    assert staff.get_all_permissions() == set()
    assert client.get(path).status_code == 200


# -- What it costs --------------------------------------------------------------------------------------------------
@pytest.mark.long
@pytest.mark.parametrize("path", [*LISTS, "/admin/"])
def test_page_costs_the_same_few_queries_however_many_rows(client: Client, staff: User, path: str) -> None:
    make_order()
    with CaptureQueriesContext(connection) as few:
        client.get(path)
    for _ in range(30):
        make_order()
    with CaptureQueriesContext(connection) as many:
        client.get(path)

    assert len(many) == len(few) <= MAX_QUERIES
    assert sum("COUNT(*)" in query["sql"] for query in many) <= 1


def test_page_of_an_order_costs_the_same_few_queries_however_many_lines(client: Client, staff: User) -> None:
    short, long = make_order(), make_order(lines={make_product(): 1 for _ in range(20)})
    client.get(f"/admin/orders/order/{short.pk}/change/")  # the process learns its content types

    costs = []
    for order in (short, long):
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/admin/orders/order/{order.pk}/change/")
        costs.append(len(queries))

    assert costs[0] == costs[1] <= MAX_QUERIES


# -- What goes wrong ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "query",
    [
        "price_from=NaN",
        "price_to=1e400",
        "price_from=1.001",
        "price_from=abc",
        "created_at_from=yesterday",
        "created_at_to=2025-02-30",
        "updated_at_from=%00",
        "nonsense=1",
    ],
)
def test_filter_that_makes_no_sense_gives_the_whole_list(client: Client, staff: User, query: str) -> None:
    make_product()

    response = client.get(f"{LISTS[0]}?{query}", follow=True)

    assert response.redirect_chain == [(f"{LISTS[0]}?e=1", 302)]
    assert response.context_data["cl"].result_count == 1


@pytest.mark.parametrize("query", ["q=%00", "p=9999999999999", "p=x", "o=99", "stock_is=other", "e=1", "all="])
def test_odd_query_is_no_fault(client: Client, staff: User, query: str) -> None:
    assert client.get(f"{LISTS[0]}?{query}").status_code in (200, 302)


@pytest.mark.parametrize("pk", ["abc", str(2**31), str(10**30), "0"])
@pytest.mark.parametrize("path", LISTS)
def test_page_of_a_row_that_is_not_there_leads_to_the_dashboard(
    client: Client, staff: User, path: str, pk: str
) -> None:
    response = client.get(f"{path}{pk}/change/")

    assert (response.status_code, response.url) == (302, "/admin/")
    assert "exist. Perhaps it was deleted?" in messages_of(response)[0]


@pytest.mark.parametrize("is_locked", [True, False])
def test_only_a_lock_that_is_not_to_be_had_is_told(
    client: Client, staff: User, monkeypatch: pytest.MonkeyPatch, is_locked: bool
) -> None:
    product = make_product()

    def refused(**values: Any) -> None:
        raise OperationalError("database is locked" if is_locked else "disk I/O error")

    monkeypatch.setattr(product_admin, "delete_product", refused)
    client.raise_request_exception = False
    response = client.post(f"{LISTS[0]}{product.pk}/delete/", {"post": "yes"})

    assert response.status_code == (302 if is_locked else 503)
    if is_locked:
        assert messages_of(response) == ["Another change of this data is in progress. Nothing was saved. Try again."]
    assert Product.objects.count() == 1


# -- The dashboard --------------------------------------------------------------------------------------------------
def test_dashboard_counts_today_and_thirty_days_and_leaves_out_lost_sales(client: Client, staff: User) -> None:
    mug = make_product(name="Mug", price="500.25", stock=10)
    now = timezone.now()
    recently, long_ago = now - timedelta(days=29), now - timedelta(days=32)
    for status, created_at in (("paid", None), ("cancelled", None), ("paid", recently), ("paid", long_ago)):
        order = make_order(lines={mug: 2})
        Order.objects.filter(pk=order.pk).update(status=status, **({"created_at": created_at} if created_at else {}))

    context = client.get("/admin/").context_data

    assert {row["status"]: (row["today"], row["recent"]) for row in context["statuses"]} == {
        "pending": (0, 0),
        "paid": (1, 2),
        "shipped": (0, 0),
        "delivered": (0, 0),
        "cancelled": (1, 1),
        "refunded": (0, 0),
    }
    assert (context["orders_today"], context["sales_today"]) == (2, "1,000.50 USD")
    assert [product.name for product in context["low_stock"]] == ["Mug"]
    assert len(context["latest_orders"]) == 4


def test_dashboard_of_an_empty_shop(client: Client, staff: User) -> None:
    page = client.get("/admin/")

    assert page.context_data["sales_today"] == "0.00 USD"
    assert "No orders yet." in page.content.decode()


# -- How things are written -----------------------------------------------------------------------------------------
def test_money_has_its_thousands_apart_and_the_currency_of_the_store(settings: Any) -> None:
    settings.STORE_CURRENCY = "JPY"

    assert money(Decimal("1234567.5")) == "1,234,567.50 JPY"
    assert (exactly(Decimal("9.342500")), exactly(Decimal(100))) == ("9.3425 JPY", "100.00 JPY")


def test_moment_is_written_in_words(staff: User) -> None:
    order = make_order()
    Order.objects.update(created_at="2025-03-01T07:05:59Z")
    order.refresh_from_db()

    assert (moment(order.created_at), moment(None)) == ("1 Mar 2025, 07:05", "-")


# -- Empty lists ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "shown", "hidden"),
    [
        (PRODUCTS, ["No products yet", "product/add/"], [RESET, "No products match"]),
        (f"{PRODUCTS}?q=zzz", ["No products match", "product/add/", RESET], ["No products yet"]),
        (f"{PRODUCTS}?stock_is=none", ["No products match", RESET], ["No products yet"]),
        (REQUESTS, ["No requests yet", "only if REQUEST_LOG_DAYS is set"], ["loggedrequest/add/", RESET]),
    ],
)
def test_empty_list_says_why_it_is_empty_and_offers_what_helps(
    client: Client, staff: User, settings: Any, path: str, shown: list[str], hidden: list[str]
) -> None:
    settings.REQUEST_LOG_DAYS = 0

    text = client.get(path).content.decode()

    assert [each for each in shown if each not in text] == []
    assert [each for each in hidden if each in text] == []


def test_empty_list_of_requests_has_no_note_if_requests_are_kept(client: Client, staff: User, settings: Any) -> None:
    settings.REQUEST_LOG_DAYS = 7

    text = client.get(REQUESTS).content.decode()

    assert "No requests yet" in text
    assert "REQUEST_LOG_DAYS" not in text


def test_empty_to_field_means_the_id(client: Client, staff: User) -> None:
    page = f"/admin/catalog/product/{make_product().pk}/change/?_to_field="

    assert client.get(page).status_code == client.post(page, {}).status_code == 200
