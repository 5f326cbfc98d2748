"""Filters of the admin's lists that staff keep under a name."""

import pytest
from django.test import Client

from accounts.models import User
from core.admin.saved_filters import MAX_PER_PAGE
from core.models import SavedFilter
from tests.support.factories import make_product, make_staff, make_user
from tests.support.pages import messages_of

pytestmark = pytest.mark.django_db

LIST = "/admin/catalog/product/"


@pytest.fixture
def staff(client: Client) -> User:
    user = make_staff()
    client.force_login(user)
    return user


def save(client: Client, name: str, query: str = "q=tea&o=2&p=3") -> list[str]:
    return messages_of(client.post(f"{LIST}?{query}", {"name": name, "_save_filter": ""}, follow=True))


def test_filter_is_saved_shown_replaced_and_forgotten(client: Client, staff: User) -> None:
    make_product(name="Tea")

    assert save(client, "Teas") == ["The filter “Teas” is saved."]
    assert save(client, "Teas", "q=te") == ["The filter “Teas” is saved."]
    kept = SavedFilter.objects.get()
    assert (kept.user, kept.page, kept.query) == (staff, "catalog.product", "q=te")
    assert '<a class="text-link" href="?q=te">Teas</a>' in client.get(LIST).content.decode()
    assert "Teas" not in client.get("/admin/orders/order/").content.decode()

    for name in ("x", "9" * 5_000, str(kept.pk + 1)):
        assert client.post(LIST, {"_forget_filter": name}).status_code == 302
    assert SavedFilter.objects.exists()
    client.post(LIST, {"_forget_filter": str(kept.pk)})
    assert not SavedFilter.objects.exists()


def test_number_of_the_page_is_not_saved(client: Client, staff: User) -> None:
    save(client, "Teas")

    assert SavedFilter.objects.get().query == "q=tea&o=2"


def test_form_is_shown_only_if_there_is_something_to_save(client: Client, staff: User) -> None:
    make_product(name="Tea")

    assert "_save_filter" not in client.get(LIST).content.decode()
    assert "_save_filter" in client.get(f"{LIST}?q=tea").content.decode()


@pytest.mark.parametrize(
    ("name", "query", "problem"),
    [
        ("", "q=tea", "This field is required."),
        ("x" * 61, "q=tea", "Ensure this value has at most 60 characters (it has 61)."),
        ("Teas", "", "This field is required."),
        ("Teas", f"q={'x' * 1_000}", "Ensure this value has at most 1000 characters (it has 1002)."),
    ],
)
def test_filter_that_can_not_be_kept_is_refused_with_the_reason(
    client: Client, staff: User, name: str, query: str, problem: str
) -> None:
    assert problem in save(client, name, query)
    assert not SavedFilter.objects.exists()


def test_number_of_filters_is_limited(client: Client, staff: User) -> None:
    rows = [SavedFilter(user=staff, page="catalog.product", name=str(n), query="q=a") for n in range(MAX_PER_PAGE)]
    SavedFilter.objects.bulk_create(rows)

    assert save(client, "one more")[0].startswith("You have 20 saved filters")
    assert save(client, "7") == ["The filter “7” is saved."]


def test_others_can_neither_see_nor_forget_a_filter(client: Client, staff: User) -> None:
    save(client, "Mine", "q=tea")
    mine = SavedFilter.objects.get()

    client.force_login(make_staff())
    for sent in (str(mine.pk), "0", "x", ""):
        assert client.post(LIST, {"_forget_filter": sent}).status_code == 302
    assert "Mine" not in client.get(LIST).content.decode()
    client.force_login(make_user())
    assert client.post(LIST, {"_forget_filter": str(mine.pk)})["Location"].startswith("/admin/login/")
    assert SavedFilter.objects.get() == mine
