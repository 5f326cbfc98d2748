"""How the admin shows a change: labels of the form, and names instead of ids."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog.models import Category, Product
from core.admin.display import browser
from core.admin.history import ShownField, with_shown_fields
from orders.models import Order
from tests.support.factories import make_order, make_product, make_staff, make_user

pytestmark = pytest.mark.django_db


class Changed:
    def __init__(self, **fields: tuple[str | None, str | None]) -> None:
        self.fields = [{"field": name, "old": old, "new": new} for name, (old, new) in fields.items()]


def shown(model: type, **fields: tuple[str | None, str | None]) -> list[ShownField]:
    ((_, found),) = with_shown_fields(model, [Changed(**fields)])
    return found


def test_fields_have_the_labels_of_the_form() -> None:
    assert shown(Product, reorder_level=("5", "7"), sku=(None, "T-1"), gone=("a", None)) == [
        ("Reorder level", "5", "7"),
        ("SKU", None, "T-1"),
        ("Gone", "a", None),
    ]


def test_related_rows_have_their_names_and_deleted_ones_their_ids() -> None:
    tea, joe = Category.objects.create(name="Tea", slug="tea"), make_user(username="joe")

    assert shown(Product, category_id=("2000000000", str(tea.pk))) == [("Category", "2000000000", "Tea")]
    assert shown(Order, user_id=(None, str(joe.pk))) == [("User", None, "joe")]


def test_history_shows_them_with_a_constant_number_of_queries(client: Client) -> None:
    client.force_login(make_staff())
    product, order = make_product(), make_order()
    queries = {}
    for count in (1, 12):
        for number in range(count):
            category = Category.objects.create(name=f"Tea {count} {number}", slug=f"tea-{count}-{number}")
            Product.objects.filter(pk=product.pk).update(category=category)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            page = client.get(f"/admin/catalog/product/{product.pk}/history/").content.decode()
        queries[count] = len(captured)

    assert ">Category</span>: <del>Tea 12 10</del> <ins>Tea 12 11</ins>" in page
    assert queries[1] == queries[12]
    assert client.get(f"/admin/orders/order/{order.pk}/history/").status_code == 200


@pytest.mark.parametrize(
    ("agent", "text"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
            "Chrome on Linux",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox on Android"),
        ("curl/8.0", "curl/8.0"),
        ("", ""),
    ],
)
def test_sign_ins_name_browser_and_system(agent: str, text: str) -> None:
    assert browser(agent) == text
