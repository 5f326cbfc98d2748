"""Search by name finds what `folded(needle) in folded(name)` says: however the row came in, and whoever asks."""
# ruff: noqa: RUF001  # letters that look alike are the subject

import sqlite3
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import F, Value
from django.db.models.functions import Concat

from accounts.models import User
from catalog.models import Product
from core.models import ChangeEvent
from core.text.folding import folded
from tests.support.api import Api
from tests.support.factories import make_product, make_staff
from tests.support.graph import Graph, nodes
from tests.support.pages import list_of

pytestmark = pytest.mark.django_db

NAMES = [
    "Plain ASCII Name",
    "100% wool",
    "a_b",
    "back\\slash",
    "DIŞ ISI ılık İstanbul",  # Turkish letters with and without a dot
    "ſtraße",  # long s, sharp s
    "STRASSE",
    "Straẞe",
    "ΟΔΟΣ οδος οδοσ",  # final sigma
    "ᾳ ᾼ ͅ",  # iota below
    "ﬁne oﬃce",  # ligatures
    unicodedata.normalize("NFC", "Zoë"),
    unicodedata.normalize("NFD", "Zoë"),
    "x\u0323\u0307 x\u0307\u0323",  # the same marks in two orders
    "Ｆｕｌｌ　Ｗｉｄｔｈ ﾊﾝｶｸ",
    "\u1112\u1161\u11ab 한",  # a syllable in letters, and in one
    "👩\u200d👩\u200d👧 zero\u200djoiner",
    "ᏣᎳᎩ ꮳꮃꭹ",  # Cherokee, whose small letters fold to the capitals
    "ᲗᲑᲘᲚᲘᲡᲘ თბილისი",  # Georgian Mtavruli
    "\u212aelvin \u212bngström",
    "Ǆ ǅ ǆ ŉ ﷺ ½ ² ™",
    "𐐀𐐨",
    "紅茶 Чай Øre",
]
WORDS = sorted({word for name in NAMES for word in name.split()} | {"", "%", "strasse", "ΟΔΌΣ", "ﬀ", "i\u0307s"})
NEEDLES = sorted(
    {form for word in [*NAMES, *WORDS] for form in (word, word.upper(), word.lower())}
    | {letter for name in NAMES for letter in name}
    | {unicodedata.normalize(form, word) for form in ("NFC", "NFD", "NFKD") for word in WORDS}
)


def expected(needle: str, names: Iterable[str] = NAMES) -> list[str]:
    return sorted(name for name in names if folded(needle) in folded(name))


def found(needles: Iterable[str]) -> dict[str, list[str]]:
    return {needle: sorted(Product.objects.search(needle).values_list("name", flat=True)) for needle in needles}


def rows(names: Iterable[str]) -> list[Product]:
    return [Product(name=name, price=Decimal(1)) for name in names]


def by_hand(statement: str, values: Iterable[Any]) -> None:
    """Run the statement for each value as a program does that knows nothing of the shop."""
    if connection.vendor == "sqlite":
        with closing(sqlite3.connect(connection.settings_dict["NAME"])) as stranger, stranger:
            stranger.executemany(statement.replace("%s", "?"), list(values))
    else:
        with connection.cursor() as cursor:
            cursor.executemany(statement, list(values))


def saved(names: list[str]) -> None:
    for product in rows(names):
        product.save()


def renamed(names: list[str], change: Callable[[Product, str], Any]) -> None:
    for number, name in enumerate(names):
        change(make_product(name=f"Größe {number}"), name)


def by_saving_one_field(product: Product, name: str) -> None:
    product.name = name
    product.save(update_fields=["name"])


def by_bulk_update(product: Product, name: str) -> None:
    product.name = name
    Product.objects.bulk_update([product], ["name"])


def by_saving_an_expression(product: Product, name: str) -> None:
    product.name = Concat(Value(name[:1]), Value(name[1:]))
    product.save()


def by_upsert(product: Product, name: str) -> None:
    row = Product(pk=product.pk, name=name, price=Decimal(1))
    Product.objects.bulk_create([row], update_conflicts=True, unique_fields=["id"], update_fields=["name"])


WAYS: dict[str, Callable[[list[str]], Any]] = {
    "save": saved,
    "bulk_create": lambda names: Product.objects.bulk_create(rows(names)),
    "save of the name alone": lambda names: renamed(names, by_saving_one_field),
    "save of an expression": lambda names: renamed(names, by_saving_an_expression),
    "update": lambda names: renamed(names, lambda p, name: Product.objects.filter(pk=p.pk).update(name=name)),
    "bulk_update": lambda names: renamed(names, by_bulk_update),
    "upsert": lambda names: renamed(names, by_upsert),
    "INSERT by hand": lambda names: by_hand(
        "INSERT INTO catalog_product (name, price) VALUES (%s, 1)", [(name,) for name in names]
    ),
    "UPDATE by hand": lambda names: renamed(
        names, lambda p, name: by_hand("UPDATE catalog_product SET name = %s WHERE id = %s", [(name, p.pk)])
    ),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("write", list(WAYS.values()), ids=list(WAYS))
def test_search_finds_names_however_they_were_written(write: Callable[[list[str]], Any]) -> None:
    write(NAMES)

    assert found(WORDS) == {needle: expected(needle) for needle in WORDS}


def test_search_takes_text_in_any_form() -> None:
    saved(NAMES)

    assert found(NEEDLES) == {needle: expected(needle) for needle in NEEDLES}


def over_rest(needle: str) -> list[str]:
    return [
        row["name"] for row in Api().client.get("/api/v1/products", {"q": needle, "per_page": 100}).json()["products"]
    ]


def over_rest_v2(needle: str) -> list[str]:
    return [row["name"] for row in Api().client.get("/api/v2/products", {"q": needle, "limit": 100}).json()["products"]]


def over_graphql(needle: str) -> list[str]:
    query = "query($q: String) { allProducts(q: $q, first: 100) { edges { node { name } } } }"
    return nodes(Graph().data(query, q=needle)["allProducts"], "name")


def over_graphql_list(needle: str) -> list[str]:
    query = "query($q: String!) { searchProducts(query: $q) { name } }"
    return [row["name"] for row in Graph().data(query, q=needle)["searchProducts"]]


def in_admin(needle: str) -> list[str]:
    staff = User.objects.filter(is_superuser=True).first() or make_staff(is_superuser=True)
    return [row.name for row in list_of(Product, staff, needle).result_list]


@pytest.mark.long
@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize("ask", [over_rest, over_rest_v2, over_graphql, over_graphql_list, in_admin])
def test_search_finds_the_same_in_every_protocol(ask: Callable[[str], list[str]]) -> None:
    saved(NAMES)

    answers = {needle: sorted(ask(needle)) for needle in WORDS}

    assert answers == {needle: expected(needle) for needle in WORDS}


@pytest.mark.usefixtures("unlimited")
def test_search_finds_the_same_over_grpc(rpc: Any) -> None:
    saved(NAMES)
    client = rpc()

    answers = {q: sorted(row.name for row in client.call("ListProducts", q=q, page_size=100).products) for q in WORDS}

    assert answers == {needle: expected(needle) for needle in WORDS}


def test_200_characters_are_searched_and_201_are_refused() -> None:
    make_product(name="ﷺ" * 200)  # each is 18 characters when folded

    assert over_rest("ﷺ" * 200) == ["ﷺ" * 200]
    assert Api().client.get("/api/v1/products", {"q": "x" * 201}).status_code == 400


# -- The stored form ------------------------------------------------------------------------------------------------
def stored() -> list[str | None]:
    return list(Product.objects.order_by("pk").values_list("name_folded", flat=True))


@pytest.mark.parametrize("way", ["save", "bulk_create", "save of the name alone"])
def test_django_stores_the_folded_name(way: str) -> None:
    WAYS[way](NAMES)

    assert stored() == [folded(name) for name in NAMES]


@pytest.mark.usefixtures("requires_postgresql")
@pytest.mark.parametrize("way", list(WAYS))
def test_postgresql_stores_the_folded_name_of_every_write(way: str) -> None:
    WAYS[way](NAMES)

    assert stored() == [folded(name) for name in NAMES]


@pytest.mark.usefixtures("requires_sqlite")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["INSERT by hand", "UPDATE by hand"])
def test_sqlite_stores_ascii_names_by_hand_and_no_stale_ones(way: str) -> None:
    WAYS[way](["Plain NAME", "ÄRMEL"])

    assert stored() == ["plain name", None]


@pytest.mark.usefixtures("requires_sqlite")
def test_sqlite_keeps_the_folded_name_once_django_saves_the_row() -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO catalog_product (name, price) VALUES ('ÄRMEL', 1)")

    Product.objects.get().save()

    assert stored() == ["ärmel"]


def test_folded_name_set_by_hand_does_not_stand_beside_an_ascii_name() -> None:
    make_product(name="Lamp")

    with connection.cursor() as cursor:
        cursor.execute("UPDATE catalog_product SET name_folded = 'chair'")
        cursor.execute("INSERT INTO catalog_product (name, price, name_folded) VALUES ('Table', 1, 'chair')")

    assert stored() == ["lamp", "table"]


@pytest.mark.parametrize("name", ["Table", "Größe"])
def test_folding_raises_the_version_once_and_records_one_event(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO catalog_product (name, price) VALUES ('Lamp', 1)")
        assert list(Product.objects.values_list("version", flat=True)) == [1]
        cursor.execute("UPDATE catalog_product SET name = %s", [name])

    assert list(Product.objects.values_list("name", "version")) == [(name, 2)]
    assert list(ChangeEvent.objects.order_by("seq").values_list("kind", flat=True)) == ["created", "updated"]


def test_stock_change_keeps_the_folded_name() -> None:
    make_product(name="Größe")

    Product.objects.update(stock=F("stock") - 1)

    assert stored() == ["grösse"]


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_migration_folds_the_names_there_are_without_a_new_version_or_event() -> None:
    make_product(name="Größe"), make_product(name="LAMP")
    before = ChangeEvent.objects.count()

    MigrationExecutor(connection).migrate([("catalog", "0002_feed")])
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())

    assert list(Product.objects.order_by("pk").values_list("name_folded", "version")) == [("grösse", 1), ("lamp", 1)]
    assert ChangeEvent.objects.count() == before
