"""The rows of lists are as unfold writes them, with less work for each row."""

from typing import Any

import pytest
from django.contrib.admin.views.main import ChangeList
from django.test import Client
from unfold.templatetags.unfold_list import items_for_result

from accounts.models import User
from core.admin import rows
from tests.core.admin.test_rendering import parts
from tests.core.request_log.test_storing import logged
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.pages import fields_of
from tests.webhooks.hooks import make_endpoint

pytestmark = pytest.mark.django_db

PRODUCTS = "/admin/catalog/product/"
LISTS = (
    PRODUCTS,
    f"{PRODUCTS}?q=mug&o=-3",
    "/admin/orders/order/",
    "/admin/orders/order/?status__exact=pending",
    "/admin/accounts/user/",
    "/admin/accounts/user/?_popup=1",
    "/admin/webhooks/endpoint/",
    "/admin/ecommerce/loggedrequest/",
)


@pytest.fixture
def shop(client: Client) -> Client:
    """Two rows in each list, signed in as a superuser."""
    for name in ("Mug <b>", "Mug & Cup"):
        make_order(make_user(username=name.replace(" ", "-")), {make_product(name=name, sku=None): 1})
        make_endpoint(f"https://{len(name)}.example/hook", is_active=name != "Mug <b>")
        logged(request_id=f"request-{len(name)}")
    client.force_login(make_staff(is_superuser=True))
    return client


def cells_of(shown: ChangeList) -> tuple[list[list[str]], list[list[str]]]:
    """Return the tags and texts of the rows, as unfold writes them and as the shop does."""
    forms = shown.formset.forms if shown.formset else [None] * len(shown.result_list)
    by_unfold = ["".join(items_for_result(shown, *row)) for row in zip(shown.result_list, forms, strict=True)]
    return [parts(cells) for cells in by_unfold], [parts(row.cells) for row in shown.shown_rows()]


@pytest.mark.parametrize("path", LISTS)
def test_cells_are_as_unfold_writes_them(shop: Client, path: str) -> None:
    by_unfold, written = cells_of(shop.get(path).context_data["cl"])

    assert written == by_unfold
    assert len(written) >= 2


@pytest.mark.parametrize(("field", "value"), [("price", "abc"), ("stock", "-5"), ("version_read", "99")])
def test_refused_row_is_as_unfold_writes_it(shop: Client, field: str, value: str) -> None:
    page = shop.get(PRODUCTS)
    entered = {**fields_of(page, "changelist-form"), "form-0-stock": "7", f"form-0-{field}": value}

    refused = shop.post(PRODUCTS, {**entered, "_save": "Save"})

    shown = refused.context_data["cl"]
    by_unfold, written = cells_of(shown)
    assert written == by_unfold
    assert any(row.errors for row in shown.shown_rows()) is (field == "version_read")
    assert ("group errors" in refused.content.decode()) is (field != "version_read")


def test_link_to_a_page_is_looked_up_once_for_a_list(shop: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[Any] = []
    url_for_result = ChangeList.url_for_result
    monkeypatch.setattr(
        ChangeList, "url_for_result", lambda shown, row: looked_up.append(row) or url_for_result(shown, row)
    )

    text = shop.get("/admin/accounts/user/").content.decode()

    assert len(looked_up) == 1
    assert all(f'href="/admin/accounts/user/{user.pk}/change/"' in text for user in User.objects.all())


def test_empty_list_has_no_rows(shop: Client) -> None:
    assert list(rows.shown_rows(shop.get(f"{PRODUCTS}?q=none").context_data["cl"])) == []
