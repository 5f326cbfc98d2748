"""Prices of all products of a filter, changed by percent in the admin, and restored."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.http import HttpResponse
from django.test import Client

from catalog.admin import products as product_admin
from catalog.bulk import repricing as bulk
from catalog.models import Category, Product, ProductHistory
from core.permissions import StaffRole
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.pages import fields_of, messages_of

pytestmark = pytest.mark.django_db

LIST = "/admin/catalog/product/"
PAGE = f"{LIST}change-prices/filter/"
UNDO = f"{LIST}change-prices/undo/"


@pytest.fixture(autouse=True)
def teas(client: Client, monkeypatch: pytest.MonkeyPatch) -> Category:
    """Five teas below Drinks, and a pot; three products are locked at once, so that there are two transactions."""
    client.force_login(make_staff())
    monkeypatch.setattr(bulk, "ROWS_LOCKED", 3)
    drinks = Category.objects.create(name="Drinks", slug="drinks")
    teas = Category.objects.create(name="Teas", slug="teas", parent=drinks)
    for number in range(1, 6):
        make_product(name=f"Tea {number}", price=f"{number}.00", category=teas, stock=9)
    make_product(name="Pot", price="20.00")
    return drinks


def preview(client: Client, query: str, percent: str = "10") -> HttpResponse:
    return client.post(f"{PAGE}?{query}", {"percent": percent, "preview": "1"})


def confirm(client: Client, query: str, shown: HttpResponse) -> HttpResponse:
    return client.post(f"{PAGE}?{query}", fields_of(shown, "apply-form") | {"apply": "1"})


def prices() -> dict[str, str]:
    return {name: f"{price:.2f}" for name, price in Product.objects.order_by("pk").values_list("name", "price")}


OLD = {"Tea 1": "1.00", "Tea 2": "2.00", "Tea 3": "3.00", "Tea 4": "4.00", "Tea 5": "5.00", "Pot": "20.00"}
NEW = {"Tea 1": "1.10", "Tea 2": "2.20", "Tea 3": "3.30", "Tea 4": "4.40", "Tea 5": "5.50", "Pot": "20.00"}


LINK = "Change the prices of all these products by percent"


def test_category_leads_to_its_products_and_these_to_the_change_of_their_prices(client: Client, teas: Category) -> None:
    of_category = f'href="{LIST}?category={teas.pk}"'
    assert of_category in client.get("/admin/catalog/category/").content.decode()

    page = client.get(f"{LIST}?category={teas.pk}").content.decode()

    assert LINK in page
    assert f'href="{PAGE}?category={teas.pk}"' in page


@pytest.mark.parametrize("query", ["", "q=none", "stock_is=none"])
def test_list_without_a_filter_or_a_product_offers_no_change_of_prices(client: Client, query: str) -> None:
    assert LINK not in client.get(f"{LIST}?{query}").content.decode()


def test_staff_of_orders_are_offered_no_change_of_prices(client: Client) -> None:
    reader = make_user(is_staff=True)
    reader.groups.add(Group.objects.get_or_create(name=StaffRole.ORDERS)[0])
    client.force_login(reader)

    assert LINK not in client.get(f"{LIST}?q=tea").content.decode()


def test_all_products_of_a_category_are_changed_as_previewed(client: Client, teas: Category) -> None:
    query = f"category={teas.pk}"

    shown = preview(client, query)
    assert shown.context_data["totals"] == {"products": 5, "changed": 5, "unchanged": 0, "refused": 0}
    assert prices() == OLD
    response = confirm(client, query, shown)

    assert (response.status_code, response.url) == (302, f"{LIST}?{query}")
    assert messages_of(response)[0].startswith("Prices changed: 5.")
    assert prices() == NEW
    change = ProductHistory.objects.filter(kind="changed").first()
    assert change is not None
    assert (change.protocol, change.reason.partition(" [")[0]) == ("admin", "Prices +10 %")


def test_undo_restores_exactly_the_prices_that_are_still_the_new_ones(client: Client, teas: Category) -> None:
    query = f"category={teas.pk}"
    confirm(client, query, preview(client, query))
    Product.objects.filter(name="Tea 2").update(price="7.00")
    Product.objects.filter(name="Tea 3").delete()
    make_order(lines={Product.objects.get(name="Tea 4"): 1})  # a sale changes no price

    asked = client.get(UNDO)
    response = client.post(UNDO)

    assert (asked.context_data["changed"], asked.context_data["left"]) == (5, 3)
    assert messages_of(response)[-1] == "Prices restored: 3 of 5."
    assert prices() == {"Tea 1": "1.00", "Tea 2": "7.00", "Tea 4": "4.00", "Tea 5": "5.00", "Pot": "20.00"}
    assert messages_of(client.get(UNDO))[-1] == "There is no change of prices to undo."


def test_sale_between_preview_and_confirmation_does_not_matter(client: Client, teas: Category) -> None:
    query = f"category={teas.pk}"
    shown = preview(client, query)
    make_order(lines={Product.objects.get(name="Tea 1"): 2})

    response = confirm(client, query, shown)

    assert messages_of(response)[-1].startswith("Prices changed: 5.")
    assert prices() == NEW


def test_product_that_changes_after_the_preview_keeps_its_price(client: Client, teas: Category) -> None:
    query = f"category={teas.pk}"
    shown = preview(client, query)
    Product.objects.filter(name="Tea 1").update(price="9.00")
    make_product(name="Tea 6", price="6.00", category=teas)

    response = confirm(client, query, shown)

    assert prices() == NEW | {"Tea 1": "9.00", "Tea 6": "6.00"}
    assert messages_of(response)[-1] == "Products that changed after the preview, and keep their price: 2."


def test_search_is_a_filter_too_and_prices_out_of_range_are_refused(client: Client) -> None:
    Product.objects.filter(name="Tea 1").update(price="0.01")

    shown = preview(client, "q=tea", "-99")
    confirm(client, "q=tea", shown)

    assert shown.context_data["totals"] == {"products": 5, "changed": 4, "unchanged": 0, "refused": 1}
    assert prices() == {
        "Tea 1": "0.01",
        "Tea 2": "0.02",
        "Tea 3": "0.03",
        "Tea 4": "0.04",
        "Tea 5": "0.05",
        "Pot": "20.00",
    }


def test_action_on_a_long_list_leads_to_this_page(
    client: Client, teas: Category, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product_admin, "MAX_AT_ONCE", 2)
    chosen = Product.objects.filter(name="Tea 1").values_list("pk", flat=True)
    order: dict[str, Any] = {"index": "0", "_selected_action": list(chosen), "select_across": "1"}

    response = client.post(f"{LIST}?category={teas.pk}", order | {"action": "change_prices"})

    assert (response.status_code, response.url) == (302, f"{PAGE}?category={teas.pk}")
    assert client.get(response.url).context_data["totals"] == {"products": 5}


def test_too_many_products_are_refused(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MOST", 5)

    response = preview(client, "")

    assert messages_of(response) == ["At most 5 products at once: narrow the list by a search or a filter"]
    assert prices() == OLD


@pytest.mark.parametrize("sent", [{"percent": "0"}, {"percent": "x", "apply": "1"}, {"apply": "1"}])
def test_percentage_that_is_none_changes_nothing(client: Client, sent: dict[str, str]) -> None:
    response = client.post(PAGE, sent)

    assert list(response.context_data["form"].errors) == ["percent"]
    assert prices() == OLD


def test_apply_without_the_moment_of_the_preview_is_a_bad_request(client: Client) -> None:
    assert client.post(PAGE, {"percent": "5", "apply": "1", "as_of": "yesterday"}).status_code == 400
    assert prices() == OLD


def test_customer_changes_no_price(client: Client, teas: Category) -> None:
    shown = preview(client, "")
    client.force_login(make_user())

    assert confirm(client, "", shown).status_code == 302
    assert prices() == OLD
    assert Decimal("1.00") == Product.objects.get(name="Tea 1").price
