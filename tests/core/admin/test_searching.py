"""One fold on both databases, and searches in the admin that stay small however many words they have."""
# ruff: noqa: RUF001  # letters that look alike are the subject

import random
import re
import sys
import unicodedata
from functools import cache
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client

from accounts.models import User
from catalog.models import Product
from core.admin import searching
from core.admin.searching import MAX_LENGTH, MAX_WORDS
from core.text.folding import folded
from orders.models import Order
from tests.support.factories import make_order, make_product, make_user
from tests.support.pages import list_of, messages_of

pytestmark = pytest.mark.django_db

LISTS = {  # fields that are searched; of orders, the number: the ids of the customers are read first
    "catalog.Product": 2,
    "catalog.Category": 2,
    "ecommerce.LoggedRequest": 2,
    "orders.Order": 1,
    "accounts.User": 2,
    "webhooks.Endpoint": 2,
    "webhooks.Delivery": 2,
}
AUTOCOMPLETE = {"app_label": "orders", "model_name": "order", "field_name": "user"}


@cache
def assigned() -> list[str]:
    """Return the characters of Unicode; half a second, so not at the import."""
    return [char for char in map(chr, range(1, sys.maxunicode + 1)) if unicodedata.category(char) not in ("Cn", "Cs")]


@pytest.fixture
def superuser(client: Client) -> User:
    user = make_user(is_staff=True, is_superuser=True)
    client.force_login(user)
    return user


def found(client: Client, path: str, text: str) -> list[str]:
    return sorted(str(row) for row in client.get(path, {"q": text}).context_data["cl"].result_list)


def parameters_of(model: type[Model], superuser: User, text: str) -> int:
    _, parameters = list_of(model, superuser, text).queryset.query.sql_with_params()
    return len(parameters)


# -- The fold -------------------------------------------------------------------------------------------------------
def folded_by_postgresql(texts: list[str]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT shop_folded(text) FROM unnest(%s::text[]) WITH ORDINALITY AS texts(text, place) ORDER BY place",
            [texts],
        )
        return [form for (form,) in cursor]


@pytest.mark.usefixtures("requires_postgresql")
def test_postgresql_folds_every_character_as_python_does() -> None:
    chars = assigned()
    texts = ["|".join(chars[start : start + 1_000]) for start in range(0, len(chars), 1_000)]

    assert len(chars) > 280_000
    for begin in range(0, len(texts), 50):  # each statement has a timeout
        some = texts[begin : begin + 50]
        assert folded_by_postgresql(some) == [folded(text) for text in some]


@pytest.mark.usefixtures("requires_postgresql")
def test_postgresql_folds_marks_and_letters_together_as_python_does() -> None:
    chance = random.Random(7)
    letters = [
        char for char in assigned() if ord(char) < 0x600 or 0x1100 <= ord(char) < 0x1200 or 0x1E00 <= ord(char) < 0x2200
    ]
    marks = "\u0301\u0307\u0308\u0323\u0327\u0345\u1161\u11a8\u200d\u3099"
    texts = ["".join(chance.choices([*letters, *marks * 100], k=12)) for _ in range(5_000)]

    assert folded_by_postgresql(texts) == [folded(text) for text in texts]


@pytest.mark.usefixtures("requires_postgresql")
def test_postgresql_folds_null_to_null() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT shop_folded(NULL), shop_folded('')")
        assert cursor.fetchone() == (None, "")


@pytest.mark.usefixtures("requires_sqlite")
@pytest.mark.parametrize(("value", "form"), [(None, None), ("", ""), ("ſTRAẞE", "strasse"), (7, None), (b"A", None)])
def test_sqlite_folds_texts_alone(value: Any, form: str | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT shop_folded(%s)", [value])
        assert cursor.fetchone() == (form,)


@pytest.mark.usefixtures("requires_postgresql")
def test_postgresql_calls_no_function_of_the_shop_for_ascii() -> None:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN VERBOSE SELECT shop_folded(number) FROM orders_order")
        plan = "".join(line for (line,) in cursor.fetchall())

    assert "shop_folded(" not in plan
    assert re.search(r"CASE WHEN .* THEN lower\(.* ELSE shop_folded_beyond_ascii\(", plan), plan


# -- The admin's lists ----------------------------------------------------------------------------------------------
def test_no_list_that_is_searched_is_left_out() -> None:
    searched = [model._meta for model, model_admin in admin.site._registry.items() if model_admin.search_fields]

    assert set(LISTS) == {options.label for options in searched}


@pytest.mark.parametrize("words", [1, 5, MAX_WORDS])
@pytest.mark.parametrize(("label", "fields"), list(LISTS.items()))
def test_search_has_one_parameter_for_each_word_and_field(superuser: User, label: str, fields: int, words: int) -> None:
    model = apps.get_model(label)
    text = " ".join(str(900 + number) for number in range(words))  # no name or e-mail of the test has them

    assert parameters_of(model, superuser, text) - parameters_of(model, superuser, "") == fields * words


@pytest.mark.parametrize("label", LISTS)
@pytest.mark.parametrize("text", [" ".join(map(str, range(MAX_WORDS + 1))), "x" * (MAX_LENGTH + 1), "w1 " * 5_000])
def test_longer_search_is_refused_and_finds_nothing(client: Client, superuser: User, label: str, text: str) -> None:
    make_order()

    response = client.get(f"/admin/{label.lower().replace('.', '/')}/", {"q": text})

    assert messages_of(response) == [f"A search has at most {MAX_WORDS} words and {MAX_LENGTH} characters."]
    assert response.context_data["cl"].result_count == 0


SHORT_WORDS = [
    "a",
    "ab",
    "b 1",
    "1",
    "@",
    ".c",
    "王",
    "王伟",
    "伟 王",
    "ë",
    "Ë",
    "zo ë",
    "ss",
    "_",
    "zz",
    '""',
    "% a",
    "\\",
    "a ab lamp",
]


@pytest.mark.parametrize("few", [5_000, 1])  # with 1, the rows of most words are too many to pass their ids
@pytest.mark.parametrize("text", SHORT_WORDS)
def test_short_words_are_found_in_names_of_any_script(text: str, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "FEW", few)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")  # read the pairs from their index, as of a large table
    names = ["王伟", "王小明", "Zoë", "ab", "Straße", "lamp_1", "x" * 80]
    users = [make_user(username=name, email=f"Ab{n}@example.com") for n, name in enumerate(names)]
    orders = [make_order(user) for user in users]
    words = [folded(word.strip('"')) for word in text.split()]

    rows = searching.searched(User.objects.order_by("pk"), ["username", "email"], text)
    of_users = searching.searched(Order.objects.order_by("pk"), ["user__username", "user__email"], text)

    wanted = [all(word in folded(user.username) or word in user.email.lower() for word in words) for user in users]
    assert list(rows) == [user for user, is_wanted in zip(users, wanted, strict=True) if is_wanted]
    assert list(of_users) == [order for order, is_wanted in zip(orders, wanted, strict=True) if is_wanted]


def test_repeated_word_counts_once(client: Client, superuser: User) -> None:
    make_product(name="Blue lamp")

    assert found(client, "/admin/catalog/product/", "lamp " * 40) == ["Blue lamp"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("plate blue", ["Blue deep plate", "Blue plate"]),
        ('"blue plate"', ["Blue plate"]),
        ("'BLUE plate'", ["Blue plate"]),
        ('"', ['12" plate']),
        ("plate 12", ['12" plate']),
        ("\u00a0", ["Blue deep plate", "Blue plate", '12" plate']),
        ("a\x00b", ["Blue deep plate", "Blue plate", '12" plate']),
    ],
)
def test_every_word_is_found_and_quotes_hold_words_together(
    client: Client, superuser: User, text: str, names: list[str]
) -> None:
    for name in ("Blue plate", "Blue deep plate", '12" plate'):
        make_product(name=name)

    assert found(client, "/admin/catalog/product/", text) == sorted(names)


def test_users_and_their_orders_are_found_in_any_form(client: Client, superuser: User) -> None:
    user = make_user(username="Zoë_ΟΔΟΣ", email="Zoe@example.com")
    order = make_order(user)
    make_order()

    for text in ("zoe\u0308", "οδος", "ＺＯＥ@"):
        assert found(client, "/admin/accounts/user/", text) == ["Zoë_ΟΔΟΣ"]
        assert found(client, "/admin/orders/order/", text) == [order.number]


def test_orders_of_many_matching_customers_are_found(
    client: Client, superuser: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "FEW", 1)
    orders = [make_order(make_user(username=f"zoe{n}")) for n in range(3)]
    make_order()

    assert found(client, "/admin/orders/order/", "zoe") == sorted(order.number for order in orders)


def test_many_customers_without_an_order_do_not_count(superuser: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "FEW", 1)
    order = make_order([make_user(username=f"zoe{n}") for n in range(3)][1])

    rows = list_of(Order, superuser, "zoe")

    assert list(rows.result_list) == [order]
    assert "EXISTS" not in str(rows.queryset.query)


def test_number_of_fewer_than_three_characters_must_be_the_whole_number(client: Client, superuser: User) -> None:
    customer = make_user(username="zoe", email="zoe@example.com")  # the names of others have numbers
    for number in ("12", "123"):
        order = make_order(customer)
        Order.objects.filter(pk=order.pk).update(number=number)

    assert found(client, "/admin/orders/order/", "12") == ["12"]
    assert found(client, "/admin/orders/order/", "#123") == ["123"]


def test_word_that_a_field_can_not_hold_finds_nothing(client: Client, superuser: User) -> None:
    for word in ("not-a-number", str(2**70), "x" * 100):
        assert found(client, "/admin/webhooks/delivery/", word) == []
        assert found(client, "/admin/ecommerce/loggedrequest/", word) == []


def test_skus_are_found_in_any_form(client: Client, superuser: User) -> None:
    make_product(name="Lamp", sku="AB-1")

    for text in ("ab-", "ＡＢ", "b", "-1", "1", "１"):
        assert found(client, "/admin/catalog/product/", text) == ["Lamp"]


@pytest.mark.parametrize(("term", "users"), [("zoe\u0308", ["Zoë"]), ("a\x00b", []), ("w1 " * 5_000, [])])
def test_autocomplete_searches_as_the_list_does(client: Client, superuser: User, term: str, users: list[str]) -> None:
    make_user(username="Zoë")

    answer = client.get("/admin/autocomplete/", AUTOCOMPLETE | {"term": term})

    assert answer.status_code == 200
    assert [row["text"] for row in answer.json()["results"]] == users
    assert Product.objects.count() == 0
