"""Prices changed by percent in the admin: what was previewed is what happens, or staff are told."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.http import HttpResponse
from django.test import Client

from catalog.admin import products as product_admin
from catalog.models import MAX_PRICE, Product, ProductHistory
from catalog.pricing import changed_by_percent, rounded
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.pages import fields_of, messages_of

pytestmark = pytest.mark.django_db

LIST = "/admin/catalog/product/"
PAGE = f"{LIST}change-prices/"
UNDO = f' <a class="text-link underline" href="{PAGE}undo/">Undo</a>'


@pytest.fixture(autouse=True)
def staff(client: Client) -> None:
    client.force_login(make_staff())


def start(client: Client, *chosen: Product) -> HttpResponse:
    order = {"action": "change_prices", "index": "0", "_selected_action": [product.pk for product in chosen]}
    return client.post(LIST, order)


def preview(client: Client, percent: str, *chosen: Product) -> HttpResponse:
    return client.post(PAGE, fields_of(start(client, *chosen), "percent-form") | {"percent": percent})


def confirm(client: Client, response: HttpResponse) -> HttpResponse:
    return client.post(PAGE, fields_of(response, "apply-form") | {"apply": "1"})


def rows_of(response: HttpResponse) -> list[tuple[Any, ...]]:
    return [(row.product.name, row.exact, row.price, row.problem) for row in response.context_data["rows"]]


def prices() -> list[Decimal]:
    return list(Product.objects.order_by("id").values_list("price", flat=True))


@pytest.mark.parametrize(
    ("price", "percent", "outcome"),
    [
        ("10.00", "-10", "9.00"),
        ("0.05", "-10", "0.05"),
        ("0.15", "-30", "0.11"),
        ("0.50", "1", "0.51"),
        ("2.50", "0.2", "2.51"),
        ("9999999999.99", "-50", "5000000000.00"),
        ("19.99", "33.33", "26.65"),
    ],
)
def test_price_is_rounded_half_up(price: str, percent: str, outcome: str) -> None:
    assert rounded(changed_by_percent(Decimal(price), Decimal(percent))) == Decimal(outcome)


def test_preview_shows_each_price_before_and_after_and_changes_nothing(client: Client) -> None:
    chair, mug = make_product(name="Chair", price="10.10"), make_product(name="Mug", price="2.00")
    make_product(name="Not chosen")

    response = preview(client, "-7.5", chair, mug)

    assert rows_of(response) == [
        ("Chair", Decimal("9.34250"), Decimal("9.34"), ""),
        ("Mug", Decimal("1.850"), Decimal("1.85"), ""),
    ]
    for text in ("10.10 USD", "9.3425 USD", "9.34 USD", "Change 2 prices"):
        assert text in response.content.decode()
    assert prices() == [Decimal("10.10"), Decimal("2.00"), Decimal("9.99")]


def test_confirmed_prices_are_written_and_logged(client: Client) -> None:
    chair, mug = make_product(price="10.10"), make_product(price="2.00")

    response = confirm(client, preview(client, "-7.5", chair, mug))

    assert (response.status_code, messages_of(response)) == (302, [f"Prices changed: 2.{UNDO}"])
    assert prices() == [Decimal("9.34"), Decimal("1.85")]
    entries = LogEntry.objects.order_by("object_id").values_list("object_id", "change_message")
    assert list(entries) == [
        (str(chair.pk), "Price 10.10 to 9.34 (-7.5 %)"),
        (str(mug.pk), "Price 2.00 to 1.85 (-7.5 %)"),
    ]


@pytest.mark.parametrize("what", ["sale", "price"])
def test_product_changed_after_the_preview_keeps_its_price_and_is_told(client: Client, what: str) -> None:
    changed, other = make_product(name="Chair", price="10.00"), make_product(name="Mug", price="2.00")
    shown = preview(client, "50", changed, other)
    if what == "sale":
        make_order(lines={changed: 1})
    else:
        Product.objects.filter(pk=changed.pk).update(price="8.00")
    price_now = Product.objects.get(pk=changed.pk).price

    response = confirm(client, shown)

    assert prices() == [price_now, Decimal("3.00")]
    assert messages_of(response) == [
        f"Prices changed: 1.{UNDO}",
        "Prices not changed: 1. The table shows the reasons, and new prices from the current prices.",
    ]
    (row,) = response.context_data["rows"]
    assert (row.product.name, row.price, row.refusal) == (
        "Chair",
        price_now * Decimal("1.5"),
        "The product changed after the preview.",
    )
    assert confirm(client, response).status_code == 302
    assert prices() == [price_now * Decimal("1.5"), Decimal("3.00")]


def test_product_deleted_after_the_preview_is_told(client: Client) -> None:
    deleted, other = make_product(), make_product(price="2.00")
    shown = preview(client, "50", deleted, other)
    deleted_id = deleted.pk
    deleted.delete()

    response = confirm(client, shown)

    assert messages_of(response) == [
        f"Prices changed: 1.{UNDO}",
        f"Deleted in the meantime: product {deleted_id}.",
    ]
    assert prices() == [Decimal("3.00")]


def test_rows_whose_price_may_not_be_are_shown_refused_and_left_alone(client: Client) -> None:
    cheap, dear = make_product(name="Cheap", price="0.01"), make_product(name="Dear", price=MAX_PRICE)
    plain = make_product(name="Plain", price="4.00")

    low, high = preview(client, "-60", cheap, dear, plain), preview(client, "100", cheap, dear, plain)

    assert rows_of(low)[0] == (
        "Cheap",
        Decimal("0.004"),
        Decimal("0.00"),
        "Ensure this value is greater than or equal to 0.01.",
    )
    assert rows_of(high)[1][3] == "Ensure that there are no more than 12 digits in total."
    assert "1 of 3 refused." in high.content.decode()
    confirm(client, high)
    assert prices() == [Decimal("0.02"), MAX_PRICE, Decimal("8.00")]


def test_price_that_rounds_to_itself_is_not_written(client: Client) -> None:
    product = make_product(price="0.05")

    response = preview(client, "1", product)

    assert "Unchanged." in response.content.decode()
    assert 'name="apply"' not in response.content.decode()


@pytest.mark.parametrize("percent", ["", "0", "ten", "NaN", "1e400", "-100.01", "10000.01", "1.234"])
def test_percentage_that_is_none_is_an_error_of_its_field(client: Client, percent: str) -> None:
    product = make_product()

    response = preview(client, percent, product)

    assert list(response.context_data["form"].errors) == ["percent"]
    assert [row.product for row in response.context_data["rows"]] == [product]
    assert prices() == [Decimal("9.99")]


@pytest.mark.parametrize("texts", [[], ["x"], ["1"], ["1:2:3"], ["9999999999:1"]])
def test_unreadable_list_of_products_is_a_bad_request(client: Client, texts: list[str]) -> None:
    assert client.post(PAGE, {"percent": "5", "product": texts}).status_code == 400


def test_all_of_a_long_list_is_refused_past_the_limit(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(product_admin, "MAX_AT_ONCE", 2)
    chosen = [make_product() for _ in range(3)]
    order = {"action": "change_prices", "index": "0", "_selected_action": [chosen[0].pk], "select_across": "1"}

    response = client.post(LIST, order | {"action": "delete_selected"})

    assert messages_of(response) == ["At most 2 products at once: narrow the list by a search or a filter."]
    assert Product.objects.count() == 3
    chosen[0].delete()
    assert len(client.post(LIST, order | {"_selected_action": [chosen[1].pk]}).context_data["rows"]) == 2


def test_opening_the_page_by_get_leads_to_the_list(client: Client) -> None:
    response = client.get(PAGE)

    assert (response.status_code, response.url) == (302, LIST)


def test_customers_are_sent_to_the_sign_in(client: Client) -> None:
    product = make_product()
    client.force_login(make_user())

    response = client.post(PAGE, {"percent": "5", "product": [f"{product.pk}:1"], "apply": "1"})

    assert (response.status_code, response.url) == (302, f"/admin/login/?next={PAGE}")
    assert prices() == [Decimal("9.99")]


def test_undo_restores_each_price_that_did_not_change_since(client: Client) -> None:
    chair, mug = make_product(name="Chair", price="10.10"), make_product(name="Mug", price="2.00")
    confirm(client, preview(client, "50", chair, mug))
    Product.objects.filter(pk=mug.pk).update(stock=3)

    asked = client.get(f"{PAGE}undo/")
    response = client.post(f"{PAGE}undo/")

    assert [product.name for product, _ in asked.context_data["rows"]] == ["Chair", "Mug"]
    assert asked.content.decode().count("Its price stays.") == 1
    assert prices() == [Decimal("10.10"), Decimal("3.00")]
    assert messages_of(response)[-2:] == [f"Product {mug.pk}: Version is 3, not 2", "Prices restored: 1 of 2."]
    reasons = ProductHistory.objects.filter(product_id=chair.pk).order_by("id").values_list("kind", "reason")
    assert list(reasons)[1:] == [("changed", "Prices +50 %"), ("revert", "Undo of a price change")]
    for again in (client.get(f"{PAGE}undo/"), client.post(f"{PAGE}undo/")):
        assert messages_of(again)[-1] == "There is no change of prices to undo."


def test_undo_is_for_staff(client: Client) -> None:
    product = make_product(price="10.00")
    confirm(client, preview(client, "50", product))
    customer = Client()
    customer.force_login(make_user())

    assert customer.post(f"{PAGE}undo/").status_code == 302
    assert prices() == [Decimal("15.00")]
