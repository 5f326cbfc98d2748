"""Every sort and filter on offer reads an index, and no more rows than it shows."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoDbBlocker

from accounts.models import User
from accounts.querysets import SORT_KEYS as USER_SORTS
from catalog.models import Product, ProductHistory
from catalog.querysets import SORT_KEYS as PRODUCT_SORTS
from core.admin import searching
from core.admin.searching import FEW, newest, searched
from core.history.changes import made_in
from core.lists.filters import filtered
from core.lists.keyset import NEWEST_FIRST, Slice, Sort, cursor_of, within
from core.models import LoggedRequest
from core.text.ascii import AsciiLower
from orders.filters import OrderFilter
from orders.models import Order, OrderHistory
from webhooks.models import Delivery

ROWS = 10_000
NUMBERS = {
    "sqlite": f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) ",
    "postgresql": f"WITH n AS (SELECT i FROM generate_series(1, {ROWS}) i) ",
}
TEXT = "CAST(i AS varchar(20))"
FILL = (
    "INSERT INTO accounts_user (username, email, password, is_superuser, is_staff, is_active, created_at) {numbers}"
    f"SELECT 'user' || {TEXT}, 'user' || {TEXT} || '@example.com', 'x', false, false, true, {{moment}} FROM n",
    "INSERT INTO catalog_category (id, name, slug) {numbers}"
    f"SELECT i, 'Category ' || {TEXT}, 'category-' || {TEXT} FROM n WHERE i <= 200",
    "INSERT INTO catalog_product (name, price, stock, sku, category_id, created_at, updated_at) {numbers}"
    f"SELECT 'Product number ' || {TEXT} || ' blue', 1 + i % 500, i % 100, 'SKU-' || {TEXT}, 1 + i % 200, "
    "{moment}, {moment} FROM n",
    "INSERT INTO orders_order (number, user_id, status, total, created_at) {numbers}"
    f"SELECT 'N' || {TEXT}, (SELECT MIN(id) FROM accounts_user) + i % 1000, 'paid', 1 + i % 500, {{moment}} FROM n",
    "INSERT INTO webhooks_endpoint (id, url, description, event_types, is_active, off_reason, secret, previous_secret, "
    "starts_after, created_at) {numbers}"
    "SELECT 1, 'https://example.com', '', '[]', true, '', 's', '', 0, {moment} FROM n WHERE i = 1",
    "INSERT INTO webhooks_delivery (endpoint_id, seq, message_id, topic, kind, payload, state, attempts, failures, "
    "created_at) {numbers}"
    f"SELECT 1, i, {TEXT}, 'product', CASE i % 5 WHEN 0 THEN 'created' ELSE 'updated' END, '{{{{}}}}', "
    "CASE i % 1000 WHEN 0 THEN 'failed' ELSE 'delivered' END, 1, 0, {moment} FROM n",
    "INSERT INTO ecommerce_loggedrequest (request_id, at, protocol, operation, method, path, status, duration_ms, "
    "address) {numbers}"
    f"SELECT {TEXT}, {{moment}}, CASE i % 5 WHEN 0 THEN 'rest' ELSE 'graphql' END, 'GET /products', 'GET', "
    "'/products', '200', 1, '' FROM n",
)
TABLES = ("catalog_product", "accounts_user", "orders_order", "webhooks_delivery", "ecommerce_loggedrequest")
MOMENT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%S', '2026-01-01', '+' || i || ' seconds')",
    "postgresql": "timestamptz '2026-01-01 UTC' + i * interval '1 second'",
}
MERGE_PENDING = """
SELECT gin_clean_pending_list(index.oid) FROM pg_class index JOIN pg_am ON pg_am.oid = relam
WHERE amname = 'gin' AND relnamespace = 'public'::regnamespace
"""
SORTS = [
    *((Product, key) for key in PRODUCT_SORTS),
    *((User, key) for key in USER_SORTS),
    *((Order, key) for key in (NEWEST_FIRST.key,)),
]
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module", autouse=True)
def rows(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Fill the tables for the whole module: its tests only read."""
    with django_db_blocker.unblock(), transaction.atomic():
        with connection.cursor() as cursor:
            for sql in FILL:
                cursor.execute(sql.format(numbers=NUMBERS[connection.vendor], moment=MOMENT[connection.vendor]))
            if connection.vendor == "postgresql":  # autovacuum does the same: until then, reading the list costs more
                cursor.execute(MERGE_PENDING)
            for table in TABLES:  # not those that all databases share: they would stay locked
                cursor.execute(f"ANALYZE {table}")
        yield
        transaction.set_rollback(True)


def plan_of(queryset: "QuerySet[Any]") -> str:
    return queryset.explain(**({"costs": False} if connection.vendor == "postgresql" else {}))


def assert_sorted_by_index(queryset: "QuerySet[Any]") -> None:
    plan = plan_of(queryset)
    assert not re.search("Seq Scan|->  Sort|USE TEMP B-TREE FOR ORDER BY", plan), plan


def test_products_of_a_category_are_read_by_an_index() -> None:
    plan = plan_of(NEWEST_FIRST.applied(Product.objects.in_category("category-7"))[:20])

    assert "catalog_product_category" in plan, plan
    assert Product.objects.in_category("category-7").count() == ROWS / 200


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(("model", "key"), SORTS, ids=lambda value: getattr(value, "__name__", value))
def test_page_of_each_sort_reads_an_index(model: Any, key: str, descending: bool) -> None:
    sort = Sort(key, descending=descending)

    assert_sorted_by_index(sort.applied(model.objects.all())[:20])


@pytest.mark.parametrize("key", PRODUCT_SORTS)
def test_page_after_a_cursor_reads_an_index(key: str) -> None:
    sort = Sort(key)
    row = sort.applied(Product.objects.all())[5_000]

    after = within(Product.objects.all(), sort, Slice(first=20, after=cursor_of(row, sort)))

    assert_sorted_by_index(sort.applied(after)[:20])


FIRST_S = "2026-01-01T00:01:00Z"
FILTERS: dict[str, tuple[Any, str]] = {
    "price": (lambda: Product.objects.filter(price__gte=5, price__lte=6), "catalog_product_price"),
    "sku": (lambda: NEWEST_FIRST.applied(Product.objects.with_sku("sku-77")), "catalog_product_sku_unique"),
    "stock": (lambda: Product.objects.filter(stock=0), "catalog_product_stock"),
    "orders of a user": (lambda: Order.objects.filter(user=User.objects.earliest("id")), "orders_order_of_user"),
    "products of a request": (
        lambda: made_in("any-request", ProductHistory.objects.all()),
        "catalog_producthistory_request",
    ),
    "orders of a request": (
        lambda: made_in("any-request", OrderHistory.objects.all()),
        "orders_orderhistory_request",
    ),
    "deliveries given up": (lambda: Delivery.objects.filter(state="failed"), "webhooks_delivery_given_up"),
    "deliveries of a type": (
        lambda: Delivery.objects.filter(topic="webhook", kind="test"),
        "webhooks_delivery_type",
    ),
    "deliveries of a day": (lambda: Delivery.objects.filter(created_at__lt=FIRST_S), "webhooks_delivery_created"),
    "requests of a protocol": (lambda: LoggedRequest.objects.filter(protocol="grpc"), "ecommerce_loggedrequest_by"),
    "requests of a day": (lambda: LoggedRequest.objects.filter(at__lt=FIRST_S), "ecommerce_loggedrequest_began"),
    "staff": (lambda: User.objects.filter(is_staff=True), "accounts_user_staff"),
    "superusers": (lambda: User.objects.filter(is_superuser=True), "accounts_user_superuser"),
    "inactive users": (lambda: User.objects.filter(is_active=False), "accounts_user_inactive"),
    "orders of today": (lambda: Order.objects.filter(created_at__gte="2026-01-01T02:45:00Z"), "orders_order_created"),
}
WHOLE_VALUES: dict[str, Any] = {
    "sku": lambda: Product.objects.with_sku("sku-77"),
    "number": lambda: Order.objects.numbered("#n77"),
    "email of an order": lambda: filtered(OrderFilter, {"email": "User77@example.com"}, Order.objects.all()),
    "number and email": lambda: filtered(
        OrderFilter, {"email": "User78@example.com", "number": "n77"}, Order.objects.all()
    ),
    "email": lambda: User.objects.with_email("User77@example.com"),
}
SEARCHES: dict[str, tuple[Any, list[str]]] = {
    "q": (lambda: Product.objects.search("number 1234"), ["catalog_product_name_trigrams"]),
    "admin products": (
        lambda: searched(Product.objects.all(), ["name", "sku"], "1234"),
        ["catalog_product_name_trigrams", "catalog_product_sku_lower_trigrams"],
    ),
    "admin users": (
        lambda: searched(User.objects.all(), ["username", "email"], "user1234"),
        ["accounts_user_username_folded_trigrams", "accounts_user_email_lower_trigrams"],
    ),
    "admin orders": (
        lambda: searched(Order.objects.all(), ["number", "user__username", "user__email"], "user123"),
        ["orders_order_number_trigrams", "orders_order_of_user"],
    ),
}


@pytest.mark.parametrize(("rows_of", "index"), list(FILTERS.values()), ids=list(FILTERS))
def test_filter_reads_its_index(rows_of: Any, index: str) -> None:
    assert index in plan_of(rows_of().order_by())


OF_DAYS: dict[str, tuple[Any, dict[str, str], str]] = {
    "all": (Order.objects.all, {}, "orders_order_created"),
    "in a status": (Order.objects.all, {"status": "pending"}, "orders_order_status"),
    "of a customer": (
        lambda: Order.objects.visible_to(User.objects.earliest("id")),
        {"created_to": "2026-01-01"},
        "orders_order_of_user",
    ),
}


@pytest.mark.parametrize(("rows_of", "more", "index"), list(OF_DAYS.values()), ids=list(OF_DAYS))
def test_orders_of_days_are_read_by_the_days_in_an_index(rows_of: Any, more: dict[str, str], index: str) -> None:
    days = {"created_from": "2025-12-31", "created_to": "2025-12-31"}

    plan = plan_of(filtered(OrderFilter, days | more, rows_of())[:20])

    assert re.search(rf"{index} .*created_at ?>.* AND .*created_at ?<", plan.replace("\n", " ")), plan
    assert not re.search("Seq Scan|USE TEMP B-TREE FOR ORDER BY", plan), plan


@pytest.mark.parametrize("rows_of", list(WHOLE_VALUES.values()), ids=list(WHOLE_VALUES))
def test_whole_value_is_found_without_reading_the_list(rows_of: Any) -> None:
    found = NEWEST_FIRST.applied(rows_of())

    plan = plan_of(found[:20])
    assert not re.search("Seq Scan|SCAN |_created ", plan), plan
    assert 1 <= found.count() <= 10


@pytest.mark.usefixtures("requires_postgresql")
@pytest.mark.parametrize(("rows_of", "indexes"), list(SEARCHES.values()), ids=list(SEARCHES))
def test_search_reads_trigrams(rows_of: Any, indexes: list[str]) -> None:
    plan = plan_of(rows_of().order_by())

    assert [index for index in indexes if index not in plan] == [], plan
    assert rows_of().count() >= 1


@pytest.mark.usefixtures("requires_postgresql")
@pytest.mark.parametrize("text", ["user 99", "zzz", "user1234"])
def test_search_for_users_folds_no_name_of_a_row(text: str) -> None:
    found = searched(User.objects.order_by("-id"), ["username", "email"], text)[:50]

    assert "username_folded" in plan_of(found)
    assert "shop_folded" not in plan_of(found)


@pytest.mark.usefixtures("requires_postgresql")
@pytest.mark.parametrize("words", [["77"], ["7", "3"], ["zz"]])
def test_users_with_short_words_are_found_by_pairs(words: list[str]) -> None:
    plan = plan_of(User.objects.filter(User.pair_index.has(words)).order_by()[: FEW + 1])

    assert "accounts_user_pairs" in plan, plan


@pytest.mark.usefixtures("requires_postgresql")
@pytest.mark.parametrize(("word", "is_read"), [("77", True), ("u", False)])  # all users have a u
def test_pairs_of_a_common_word_are_not_found_anew_for_each_user(word: str, is_read: bool) -> None:
    with CaptureQueriesContext(connection) as queries:
        searched(Order.objects.all(), ["user__username", "user__email"], word)

    reads = [query["sql"] for query in queries if not query["sql"].startswith("EXPLAIN")]
    assert ["shop_pairs" in sql for sql in reads] == [is_read]


@pytest.mark.usefixtures("requires_postgresql")
@pytest.mark.parametrize(("word", "is_lowered"), [("12", False), ("\uff11\uff12", False), ("@", False), ("1a", True)])
def test_short_word_without_letters_is_looked_for_without_lower_case(word: str, is_lowered: bool) -> None:
    plan = plan_of(searched(User.objects.order_by("-id"), ["email"], word))  # not the fields of the index of pairs

    assert ("lower(" in plan) == is_lowered, plan


@pytest.mark.usefixtures("requires_postgresql")
def test_orders_of_many_customers_are_not_compared_with_each_customer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "FEW", 100)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64kB'")  # as if there were a million customers

    plan = plan_of(searched(Order.objects.order_by("-created_at", "-id"), ["number", "user__email"], "example")[:50])

    assert "accounts_user_pkey" in plan, plan
    assert "Materialize" not in plan, plan


@pytest.mark.usefixtures("requires_postgresql")
def test_customers_with_orders_are_looked_up_in_the_index_of_orders() -> None:
    with CaptureQueriesContext(connection) as queries:
        searched(Order.objects.all(), ["user__username", "user__email"], "example")

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {queries[-1]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "SubPlan" in plan, plan
    assert "Index Only Scan using orders_order_of_user" in plan, plan


@pytest.mark.usefixtures("requires_postgresql")
@pytest.mark.parametrize("word", ["1234", "SKU-1234"])
def test_newest_products_with_a_rare_word_are_found_by_trigrams(word: str) -> None:
    rows = newest(Product.objects.all(), ["name", "sku"], word, 5)

    plan = plan_of(rows)
    assert [index for index in SEARCHES["admin products"][1] if index not in plan] == [], plan
    assert "Sort Key: (COALESCE(" in plan, plan  # not read backwards, as a million rows would be
    assert [product.sku for product in rows] == ["SKU-1234"]


@pytest.mark.parametrize("count", [3, 1_000])
def test_products_of_many_skus_are_not_found_by_trigrams(count: int) -> None:
    skus = [f"sku-{number}" for number in range(1, 2 * count, 2)]

    plan = plan_of(Product.objects.with_skus(skus))

    assert "trigrams" not in plan, plan
    assert Product.objects.with_skus(skus).count() == len(skus)


def test_admin_sorts_products_by_sku_with_an_index() -> None:
    assert_sorted_by_index(Product.objects.order_by(AsciiLower("sku"), "-pk")[:50])
