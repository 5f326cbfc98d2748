"""Categories: a tree without cycles, and the filter that includes all categories below."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from catalog import actions
from catalog.bulk.changing import ProductChange, change_products
from catalog.categories import change_category, create_category, delete_category
from catalog.errors import CategoryInUse
from catalog.models import Category, Product, ProductHistory
from core.errors import Forbidden, InvalidInput
from tests.support.api import Api
from tests.support.factories import make_product, make_staff, make_user
from tests.support.graph import Graph

pytestmark = pytest.mark.django_db


@pytest.fixture
def tree() -> dict[str, Category]:
    """Home > Kitchen > Pots, and Garden."""
    home = Category.objects.create(name="Home", slug="home")
    kitchen = Category.objects.create(name="Kitchen", slug="kitchen", parent=home)
    pots = Category.objects.create(name="Pots", slug="pots", parent=kitchen)
    garden = Category.objects.create(name="Garden", slug="garden")
    return {row.slug: row for row in (home, kitchen, pots, garden)}


def names(queryset: Any) -> list[str]:
    return sorted(queryset.values_list("name", flat=True))


def test_filter_includes_all_categories_below_by_slug_and_by_id(tree: dict[str, Category]) -> None:
    make_product(name="Pot", category=tree["pots"])
    make_product(name="Knife", category=tree["kitchen"])
    make_product(name="Spade", category=tree["garden"])
    make_product(name="Loose")

    assert names(Product.objects.in_category("home")) == ["Knife", "Pot"]
    assert names(Product.objects.in_category(str(tree["kitchen"].pk))) == ["Knife", "Pot"]
    assert names(Product.objects.in_category("pots")) == ["Pot"]
    assert names(Product.objects.in_category("nothing")) == []
    assert names(Product.objects.in_category("9" * 40)) == []


def test_tree_is_listed_with_depths_each_category_before_those_below(tree: dict[str, Category]) -> None:
    found = [(depth, category.name) for depth, category in Category.objects.in_tree()]

    assert found == [(0, "Garden"), (0, "Home"), (1, "Kitchen"), (2, "Pots")]


@pytest.mark.parametrize("parent", ["home", "kitchen", "pots"])
def test_category_is_not_moved_below_itself(tree: dict[str, Category], parent: str) -> None:
    changes = {"parent_id": tree[parent].pk}

    with pytest.raises(InvalidInput) as refusal:
        change_category(actor=make_staff(), category_id=tree["home"].pk, changes=changes)

    assert refusal.value.fields == {"parent_id": "A category can't be moved below itself"}
    assert Category.objects.get(slug="home").parent_id is None


@pytest.mark.parametrize("parent", ["home", "kitchen", "pots"])
def test_manual_sql_closes_no_cycle(tree: dict[str, Category], parent: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Category.objects.filter(slug="home").update(parent=tree[parent])  # an UPDATE alone, as by hand

    assert Category.objects.get(slug="home").parent_id is None


def test_manual_sql_moves_a_branch(tree: dict[str, Category]) -> None:
    with connection.cursor() as cursor:
        sql = "UPDATE catalog_category SET parent_id = %s WHERE id = %s"
        cursor.execute(sql, [tree["garden"].pk, tree["kitchen"].pk])

    assert names(Category.objects.branch("garden")) == ["Garden", "Kitchen", "Pots"]


@pytest.mark.parametrize("slug", ["", "7", "Home", "a b", "a--b", "-a", "a-", "é", "a\n", None])
def test_bad_slug_is_refused(slug: str | None) -> None:
    with pytest.raises(InvalidInput) as refusal:
        create_category(actor=make_staff(), values={"name": "New", "slug": slug})

    assert list(refusal.value.fields) == ["slug"]
    assert not Category.objects.exists()


def test_category_in_use_is_not_deleted(tree: dict[str, Category]) -> None:
    make_product(category=tree["pots"])

    for slug, details in (
        ("pots", {"products": 1, "categories": 0}),
        ("kitchen", {"products": 0, "categories": 1}),
    ):
        with pytest.raises(CategoryInUse) as refusal:
            delete_category(actor=make_staff(), category_id=tree[slug].pk)
        assert refusal.value.details == details

    delete_category(actor=make_staff(), category_id=tree["garden"].pk)
    assert names(Category.objects.all()) == ["Home", "Kitchen", "Pots"]


def test_customer_changes_no_category(tree: dict[str, Category]) -> None:
    with pytest.raises(Forbidden):
        delete_category(actor=make_user(), category_id=tree["garden"].pk)

    assert Category.objects.count() == 4


def test_many_changes_set_categories_and_refuse_missing_ones(tree: dict[str, Category]) -> None:
    pot, cup = make_product(name="Pot"), make_product(name="Cup", category=tree["pots"])

    results = change_products(
        actor=make_staff(),
        changes=[
            ProductChange(pot.pk, {"category_id": tree["pots"].pk}),
            ProductChange(cup.pk, {"category_id": 999_999}),
        ],
    )

    assert isinstance(results[1], InvalidInput)
    assert results[1].fields == {"category_id": "Category 999999 not found"}
    assert names(Product.objects.in_category("pots")) == ["Cup", "Pot"]


def test_batch_of_products_asks_once_for_its_categories(tree: dict[str, Category]) -> None:
    rows = [{"name": f"Pot {n}", "price": 1, "category_id": tree["pots"].pk} for n in range(20)]

    with CaptureQueriesContext(connection) as captured:
        actions.create_products(actor=make_staff(), rows=rows)

    reads = [query for query in captured if query["sql"].startswith("SELECT") and "catalog_category" in query["sql"]]
    assert len(reads) == 1
    assert Product.objects.in_category("pots").count() == 20


def test_history_has_the_change_of_a_category_and_reverts_it(tree: dict[str, Category]) -> None:
    staff, pot = make_staff(), make_product(category=tree["pots"])
    actions.change_product(actor=staff, product_id=pot.pk, changes={"category_id": None})
    change = ProductHistory.objects.filter(product_id=pot.pk, kind="changed").get()

    actions.revert_product(actor=staff, product_id=pot.pk, change_id=change.pk)

    assert change.fields == [{"field": "category_id", "old": str(tree["pots"].pk), "new": None}]
    assert Product.objects.get(pk=pot.pk).category_id == tree["pots"].pk


def test_filter_gives_the_same_products_in_graphql_and_in_every_rest_page(tree: dict[str, Category]) -> None:
    wanted = [make_product(name=f"Pot {n}", category=tree["pots"]).name for n in range(5)]
    make_product(name="Loose")

    query = '{allProducts(category: "home", orderBy: "name") {totalCount edges {node {name categoryId}}}}'
    found = Graph(None).send(query).json()["data"]["allProducts"]
    first = Api().get("/products?category=home&sort=name&order=asc&per_page=3").json()
    second = Api().get("/products?category=home&sort=name&order=asc&per_page=3&page=2").json()

    assert found["totalCount"] == first["pagination"]["total"] == 5
    assert [edge["node"]["name"] for edge in found["edges"]] == wanted
    assert {edge["node"]["categoryId"] for edge in found["edges"]} == {tree["pots"].pk}
    assert [row["name"] for row in first["products"] + second["products"]] == wanted


# -- The admin ---------------------------------------------------------------------------------------------------


@pytest.fixture
def signed_in(client: Client) -> Client:
    client.force_login(make_staff())
    return client


def test_staff_adds_moves_and_deletes_a_category(signed_in: Client, tree: dict[str, Category]) -> None:
    page = "/admin/catalog/category/"
    signed_in.post(f"{page}add/", {"name": "Cups", "slug": "cups", "parent_id": tree["kitchen"].pk})
    cups = Category.objects.get(slug="cups")
    assert cups.parent_id == tree["kitchen"].pk

    signed_in.post(f"{page}{cups.pk}/change/", {"name": "Cups", "slug": "cups", "parent_id": ""})
    assert Category.objects.get(slug="cups").parent_id is None

    signed_in.post(f"{page}{cups.pk}/delete/", {"post": "yes"})
    assert not Category.objects.filter(slug="cups").exists()


def test_admin_says_why_a_category_can_not_be_moved_or_deleted(signed_in: Client, tree: dict[str, Category]) -> None:
    page = f"/admin/catalog/category/{tree['home'].pk}"

    moved = signed_in.post(f"{page}/change/", {"name": "Home", "slug": "home", "parent_id": tree["pots"].pk})
    deleted = signed_in.post(f"{page}/delete/", {"post": "yes"}, follow=True)

    assert "A category can&#x27;t be moved below itself" in moved.content.decode()
    assert "still has 0 products and 1 subcategories" in deleted.content.decode()
    assert Category.objects.get(slug="home").parent_id is None


def test_admin_list_filters_products_by_a_branch(signed_in: Client, tree: dict[str, Category]) -> None:
    make_product(name="Pot", category=tree["pots"])
    make_product(name="Loose")

    shown = signed_in.get(f"/admin/catalog/product/?category={tree['home'].pk}").context_data["cl"]

    assert [product.name for product in shown.result_list] == ["Pot"]


def test_product_page_sets_the_category(signed_in: Client, tree: dict[str, Category]) -> None:
    sent = {"name": "Pot", "price": "1.00", "stock": "0", "reorder_level": "5", "category_id": tree["pots"].pk}

    signed_in.post("/admin/catalog/product/add/", sent)

    assert Product.objects.get().category_id == tree["pots"].pk
