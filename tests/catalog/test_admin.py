"""Products in the admin: the list, the page, and a sale between load and save."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from catalog import actions
from catalog.admin import products as product_admin
from catalog.admin.forms import ProductRowsFormSet
from catalog.models import Product
from orders.actions import place_order
from orders.models import Order, OrderItem
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.pages import fields_of, messages_of
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db

LIST = "/admin/catalog/product/"


@pytest.fixture
def staff(client: Client) -> User:
    """Staff without any of Django's model permissions, signed in."""
    user = make_staff()
    client.force_login(user)
    return user


def page_of(product: Product) -> str:
    return f"{LIST}{product.pk}/change/"


def open_page(client: Client, product: Product) -> dict[str, Any]:
    return fields_of(client.get(page_of(product)), "product_form")


def open_list(client: Client) -> dict[str, Any]:
    return fields_of(client.get(LIST), "changelist-form")


def row_of(fields: dict[str, Any], product: Product) -> str:
    """Return the prefix that the product's fields have in the list."""
    return next(name for name, value in fields.items() if name.endswith("-id") and value == str(product.pk))[:-2]


def save_list(client: Client, fields: dict[str, Any]) -> HttpResponse:
    return client.post(LIST, fields | {"_save": "Save"})


def stored(product: Product) -> tuple[Decimal, int, int]:
    row = Product.objects.get(pk=product.pk)
    return row.price, row.stock, row.version


# -- The list -------------------------------------------------------------------------------------------------------
def test_list_writes_only_rows_that_were_changed(client: Client, staff: User) -> None:
    changed, untouched = make_product(), make_product()
    fields = open_list(client)
    row = row_of(fields, changed)

    response = save_list(client, fields | {f"{row}price": "12.50", f"{row}stock": "7"})

    assert response.status_code == 302
    assert messages_of(response) == ["1 product was changed successfully."]
    assert stored(changed) == (Decimal("12.50"), 7, 2)
    assert stored(untouched) == (Decimal("9.99"), 10, 1)


def test_list_refuses_a_stock_read_before_a_sale_and_shows_the_right_one(client: Client, staff: User) -> None:
    product = make_product(stock=10)
    fields = open_list(client)
    row = row_of(fields, product)
    make_order(lines={product: 3})

    response = save_list(client, fields | {f"{row}stock": "50"})

    assert response.status_code == 200
    assert "Not saved: the product changed after you opened it" in response.content.decode()
    assert "Stock was 10 and is 7 now; you entered 50." in response.content.decode()
    assert stored(product) == (Decimal("9.99"), 7, 2)
    again = fields_of(response, "changelist-form")
    assert (again[f"{row}stock"], again[f"{row}version_read"]) == ("7", "2")


def test_list_refused_for_one_row_saves_no_other_and_keeps_what_was_typed(client: Client, staff: User) -> None:
    sold, other = make_product(name="A"), make_product(name="B")
    fields = open_list(client)
    make_order(lines={sold: 1})

    response = save_list(client, fields | {"form-0-price": "5.00", "form-1-price": "6.00"})

    again = fields_of(response, "changelist-form")
    assert (again["form-0-price"], again["form-0-stock"], again["form-1-price"]) == ("5.00", "9", "6.00")
    assert stored(other) == (Decimal("9.99"), 10, 1)
    assert save_list(client, again).status_code == 302
    assert (stored(sold), stored(other)) == ((Decimal("5.00"), 9, 3), (Decimal("6.00"), 10, 2))


def test_list_leaves_an_untouched_row_to_the_sale_that_came_between(client: Client, staff: User) -> None:
    sold, edited = make_product(), make_product()
    fields = open_list(client)
    make_order(lines={sold: 4})

    response = save_list(client, fields | {f"{row_of(fields, edited)}stock": "11"})

    assert response.status_code == 302
    assert stored(sold) == (Decimal("9.99"), 6, 2)
    assert stored(edited) == (Decimal("9.99"), 11, 2)


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_list_and_an_order_at_the_same_moment_take_turns_and_no_sale_is_lost(client: Client, staff: User) -> None:
    # The list has them in the other order than their ids, by which an order locks them.
    late, early = make_product(name="Z"), make_product(name="A")
    buyer, outcomes = make_user(), set()
    for _ in range(8):
        Product.objects.update(stock=10)
        fields = open_list(client) | {"form-0-stock": "100", "form-1-stock": "100"}

        saved, order = at_once(
            lambda fields=fields: save_list(client, fields),
            lambda: place_order(actor=buyer, lines=[(late.pk, 1), (early.pk, 1)]),
        )

        assert isinstance(order, Order)
        outcomes.add((saved.status_code, *Product.objects.order_by("id").values_list("stock", flat=True)))
    assert outcomes <= {(302, 99, 99), (200, 9, 9)}


def test_save_of_the_list_costs_the_same_queries_however_many_rows(client: Client, staff: User) -> None:
    costs = []
    for _ in range(3):
        product = make_product(stock=3)
        fields = open_list(client)
        with CaptureQueriesContext(connection) as queries:
            save_list(client, fields | {f"{row_of(fields, product)}stock": "4"})
        costs.append(len(queries))
        assert stored(product)[1] == 4

    assert costs[1] == costs[2]  # at the first, the process learns its content types


def test_list_keeps_each_form_beside_its_product_when_the_order_changed(client: Client, staff: User) -> None:
    first, second = make_product(name="Alpha"), make_product(name="Beta")
    fields = open_list(client)
    Product.objects.filter(pk=first.pk).update(name="Zeta")

    response = save_list(client, fields | {f"{row_of(fields, second)}price": "none"})

    rows = [(row.name, form.instance.pk) for row, form in paired(response)]
    assert rows == [("Zeta", first.pk), ("Beta", second.pk)]


def paired(response: HttpResponse) -> list[tuple[Product, Any]]:
    rows = response.context_data["cl"]
    return list(zip(rows.result_list, rows.formset.forms, strict=True))


def test_list_with_a_row_deleted_meanwhile_saves_nothing_and_says_so(client: Client, staff: User) -> None:
    deleted, edited = make_product(), make_product()
    fields = open_list(client)
    deleted.delete()

    response = save_list(client, fields | {f"{row_of(fields, edited)}stock": "11"})

    assert response.status_code == 302
    assert messages_of(response) == ["Nothing was saved: a product of this list was deleted in the meantime."]
    assert stored(edited) == (Decimal("9.99"), 10, 1)


def test_list_refuses_a_row_deleted_between_its_check_and_the_write(
    client: Client, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = make_product()
    fields = open_list(client)
    check = ProductRowsFormSet.clean

    def delete_first(formset: ProductRowsFormSet) -> None:
        Product.objects.all().delete()
        check(formset)

    monkeypatch.setattr(ProductRowsFormSet, "clean", delete_first)
    response = save_list(client, fields | {f"{row_of(fields, product)}stock": "11"})

    assert response.status_code == 200
    assert "Not saved: this product was deleted in the meantime." in response.content.decode()
    assert Product.objects.count() == 0


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("price", "0", "Ensure this value is greater than or equal to 0.01."),
        ("price", "1.005", "Ensure that there are no more than 2 decimal places."),
        ("price", "NaN", "Enter a number."),
        ("stock", "-1", "Ensure this value is greater than or equal to 0."),
        ("stock", "2147483648", "Ensure this value is less than or equal to 2147483647."),
        ("version_read", "", "This field is required."),
    ],
)
def test_list_refuses_what_the_field_rules_refuse(
    client: Client, staff: User, field: str, value: str, text: str
) -> None:
    product = make_product()
    fields = open_list(client) | {"form-0-stock": "11"}

    response = save_list(client, fields | {f"form-0-{field}": value})

    assert text in str(response.context_data["cl"].formset.errors)
    assert stored(product) == (Decimal("9.99"), 10, 1)


def test_list_searches_name_and_sku_in_any_case(client: Client, staff: User) -> None:
    make_product(name="Größe ÄRMEL", sku="TX-100"), make_product(name="Mug", sku="mu-200")

    def found(words: str) -> list[str]:
        return [product.name for product in client.get(LIST, {"q": words}).context_data["cl"].result_list]

    assert found("ärmel") == ["Größe ÄRMEL"]
    assert found("tx-1 grö") == ["Größe ÄRMEL"]
    assert found("MU-2") == ["Mug"]
    assert found("nothing") == []


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({"stock_is": "left"}, ["Low", "Many"]),
        ({"stock_is": "low"}, ["Low"]),
        ({"stock_is": "none"}, ["None"]),
        ({"price_from": "2", "price_to": "3.00"}, ["Low", "Many"]),
        ({"price_to": "1.99"}, ["None"]),
        ({"created_at_from": "2999-01-01"}, []),
    ],
)
def test_list_is_narrowed_by_filters(client: Client, staff: User, params: dict[str, str], names: list[str]) -> None:
    make_product(name="None", stock=0, price="1.00")
    make_product(name="Low", stock=5, price="2.00")
    make_product(name="Many", stock=6, price="3.00")

    assert [row.name for row in client.get(LIST, params).context_data["cl"].result_list] == names


# -- The page -------------------------------------------------------------------------------------------------------
def test_page_refuses_a_stock_read_before_a_sale_and_shows_the_right_one(client: Client, staff: User) -> None:
    product = make_product(stock=10, name="Mug")
    fields = open_page(client, product)
    make_order(lines={product: 2})

    response = client.post(page_of(product), fields | {"stock": "50", "name": "Cup"})

    assert response.status_code == 200
    assert "Stock was 10 and is 8 now; you entered 50." in response.content.decode()
    assert stored(product) == (Decimal("9.99"), 8, 2)
    again = fields_of(response, "product_form")
    assert (again["stock"], again["name"], again["version_read"]) == ("8", "Cup", "2")
    assert client.post(page_of(product), again).status_code == 302
    product.refresh_from_db()
    assert (product.name, product.stock, product.version) == ("Cup", 8, 3)


def test_page_refuses_when_the_sale_comes_between_its_check_and_the_write(
    client: Client, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = make_product(stock=10)
    fields = open_page(client, product)

    def sell_first(**values: Any) -> Product:
        Product.objects.filter(pk=product.pk).update(stock=9)
        return actions.change_product(**values)

    monkeypatch.setattr(product_admin, "change_product", sell_first)
    response = client.post(page_of(product), fields | {"stock": "50"})

    assert response.status_code == 200
    assert "Version is 2, not 1" in response.content.decode()
    assert Product.objects.get(pk=product.pk).stock != 50


def test_page_writes_only_the_fields_that_were_changed(client: Client, staff: User) -> None:
    product = make_product(description="Two\nlines", sku="A-1")
    fields = open_page(client, product)

    response = client.post(page_of(product), fields | {"price": "11.00"})

    assert response.status_code == 302
    product.refresh_from_db()
    assert (product.price, product.description, product.version) == (Decimal("11.00"), "Two\nlines", 2)
    assert LogEntry.objects.get().get_change_message() == "Changed Price."


def test_page_saved_without_a_change_writes_nothing_even_after_a_sale(client: Client, staff: User) -> None:
    product = make_product()
    fields = open_page(client, product)
    make_order(lines={product: 1})

    assert client.post(page_of(product), fields).status_code == 302
    assert stored(product) == (Decimal("9.99"), 9, 2)


def test_new_product_is_added_and_logged(client: Client, staff: User) -> None:
    fields = fields_of(client.get(f"{LIST}add/"), "product_form")

    response = client.post(f"{LIST}add/", fields | {"name": "Mug", "price": "4.20", "stock": "3", "sku": ""})

    product = Product.objects.get()
    assert response.status_code == 302
    assert (product.name, product.price, product.stock, product.sku) == ("Mug", Decimal("4.20"), 3, None)
    assert LogEntry.objects.get().object_id == str(product.pk)


@pytest.mark.parametrize("is_new", [True, False])
def test_sku_taken_in_another_case_is_an_error_of_its_field(client: Client, staff: User, is_new: bool) -> None:
    make_product(sku="ABC-1")
    product = make_product()
    url = f"{LIST}add/" if is_new else page_of(product)
    fields = fields_of(client.get(url), "product_form")

    response = client.post(url, fields | {"name": "Mug", "price": "4.20", "stock": "3", "sku": "abc-1"})

    assert response.status_code == 200
    assert response.context_data["adminform"].form.errors == {"sku": ["SKU is already taken"]}
    assert Product.objects.filter(name="Mug").count() == 0


@pytest.mark.parametrize("text", ["nul \0 byte", "x" * 201, ""])
def test_name_that_no_database_holds_is_an_error_of_its_field(client: Client, staff: User, text: str) -> None:
    response = client.post(f"{LIST}add/", {"name": text, "price": "4.20", "stock": "3", "reorder_level": "5"})

    assert list(response.context_data["adminform"].form.errors) == ["name"]
    assert Product.objects.count() == 0


# -- Deleting -------------------------------------------------------------------------------------------------------
def test_deleted_product_stays_in_its_orders_by_name(client: Client, staff: User) -> None:
    product = make_product(name="Mug")
    make_order(lines={product: 1})

    response = client.post(f"{LIST}{product.pk}/delete/", {"post": "yes"})

    assert response.status_code == 302
    assert OrderItem.objects.values_list("name", "product").get() == ("Mug", None)


def test_deleting_what_another_deleted_just_now_is_a_message(
    client: Client, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = make_product()
    monkeypatch.setattr(product_admin, "delete_product", deleted_by_another)

    response = client.post(f"{LIST}{product.pk}/delete/", {"post": "yes"})

    assert (response.status_code, response.url) == (302, LIST)
    assert messages_of(response) == [f"Product {product.pk} not found"]
    assert LogEntry.objects.count() == 0


def deleted_by_another(*, actor: User, product_id: int) -> None:
    Product.objects.filter(pk=product_id).delete()
    actions.delete_product(actor=actor, product_id=product_id)


def test_selected_products_are_deleted_together_or_not_at_all(
    client: Client, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = [make_product(), make_product()]
    order = {"action": "delete_selected", "_selected_action": [row.pk for row in chosen], "post": "yes"}

    with monkeypatch.context() as patch:
        patch.setattr(product_admin, "delete_product", deleted_by_another)
        refused = client.post(LIST, order)
    assert messages_of(refused) == [f"Product {chosen[0].pk} not found"]
    assert (Product.objects.count(), LogEntry.objects.count()) == (2, 0)

    client.post(LIST, order)
    assert Product.objects.count() == 0


def test_each_input_of_the_list_names_its_product(client: Client) -> None:
    client.force_login(make_staff())
    make_product(name="Tea <1>")

    page = client.get("/admin/catalog/product/").content.decode()

    assert 'aria-label="Price of Tea &lt;1&gt;"' in page
    assert 'aria-label="Stock of Tea &lt;1&gt;"' in page


@pytest.mark.parametrize("units", ["1.5", "ten", "", "+", "9" * 11])
def test_correction_by_no_whole_number_is_refused(client: Client, staff: User, units: str) -> None:
    product = make_product(stock=10)

    page = client.post(f"{LIST}{product.pk}/stock/", {"units": units, "reason": "Lost"}, follow=True).content.decode()

    assert "Enter a whole number of units, such as +40 or -3." in page
    assert Product.objects.get(pk=product.pk).stock == 10


def test_form_that_corrects_a_stock_counts_once(client: Client, staff: User) -> None:
    product = make_product(stock=10)
    key = re.search('name="key" value="([^"]+)"', client.get(page_of(product)).content.decode())
    assert key is not None
    assert key[1] not in client.get(page_of(product)).content.decode()
    sent = {"units": "+40", "reason": "Delivery 7", "key": key[1]}

    texts = [client.post(f"{LIST}{product.pk}/stock/", sent, follow=True).content.decode() for _ in range(2)]
    changed = client.post(f"{LIST}{product.pk}/stock/", sent | {"units": "+4"}, follow=True).content.decode()

    assert all("The stock is 50 now." in text for text in texts)
    assert "This form was sent before, with another correction. Enter the new one again." in changed
    assert Product.objects.get(pk=product.pk).stock == 50
