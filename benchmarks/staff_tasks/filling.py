"""The rows of a shop with a year of trade, written by PostgreSQL itself."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command
from django.db import connection

from accounts.models import User
from benchmarks.compare.progress import say
from catalog.models import Category, Product
from catalog.triggers import product_history
from orders.models import Order
from webhooks.models import Endpoint
from webhooks.signing import new_secret

AT_ONCE = 50_000  # rows of a statement
CATEGORIES, CATEGORY = 200, "Tea"
IN_CATEGORY = 2_000  # the products with the first ids
USERS_SHARE = 10  # orders for each user
FAILED = 20  # deliveries
FAILURE = "The receiver answered 503 Service Unavailable."

# The price of products goes from 1.00 to 999.99; one in 500 has a low stock.
PRODUCTS = """
INSERT INTO catalog_product
    (id, name, name_folded, description, price, stock, sku, category_id, created_at, updated_at)
SELECT n, 'Product number ' || n || ' ' || colour, 'product number ' || n || ' ' || colour,
    repeat('Made to be measured. ', 5), (100 + n * 7919 %% 99900) / 100.0,
    CASE n %% 500 WHEN 7 THEN n %% 5 ELSE 50 + n %% 900 END, 'T-' || to_char(n, 'FM0000000'),
    CASE WHEN n <= {in_category} THEN {category} END, moment, moment
FROM (
    SELECT n, (ARRAY['red','blue','green','black','white','amber','ivory','cyan'])[1 + n %% 8] AS colour,
        now() - interval '2 years' + n * interval '1 year' / {rows} AS moment
    FROM generate_series(%s::bigint, %s) n
) AS made
"""
USERS = """
INSERT INTO accounts_user (
    id, username, username_folded, email, password, is_superuser, is_staff, is_active, created_at
)
SELECT n, 'user' || n, 'user' || n, 'user' || n || '@example.com', '!', false, false, true,
    now() - interval '2 years' + n * interval '1 minute'
FROM generate_series(%s, %s) n
"""
# Orders of two lines, evenly from the first day of the same month of last year until now.
ORDERS = """
WITH spans AS (SELECT date_trunc('month', now()) - interval '1 year' AS start),
made AS (
    SELECT n, start + n * (now() - start) / {rows} AS moment, 1 + n * 7919 %% {users} AS user_id FROM spans,
    generate_series(%s::bigint, %s) n
),
lines AS (
    SELECT n, products.id, sku, name, price, 1 + (n + k) %% 3 AS quantity
    FROM made, generate_series(0, 1) k, LATERAL (
        SELECT id, sku, name, price FROM catalog_product WHERE id = 1 + (n * 7919 + k * 3334) %% {rows}
    ) AS products
),
sums AS (SELECT n, SUM(price * quantity) AS total FROM lines GROUP BY n),
placed AS (
    INSERT INTO orders_order (id, number, user_id, status, total, created_at)
    SELECT n, 'N' || to_char(n, 'FM000000000'), user_id, CASE
        WHEN moment > now() - interval '2 days' THEN 'pending' WHEN moment > now() - interval '9 days' THEN 'shipped'
        WHEN n %% 20 = 3 THEN 'cancelled' WHEN n %% 50 = 4 THEN 'refunded' ELSE 'delivered' END, total, moment
    FROM made JOIN sums USING (n)
),
begun AS (
    INSERT INTO orders_orderevent (order_id, status, note, at, actor_id) SELECT n, 'pending', '', moment, user_id
    FROM made
)
INSERT INTO orders_orderitem (order_id, product_id, sku, name, unit_price, quantity, line_total)
SELECT n, id, sku, name, price, quantity, price * quantity FROM lines
"""
DELIVERIES = """
WITH sent AS (
    INSERT INTO webhooks_delivery (
        endpoint_id, seq, message_id, topic, kind, object_id, payload, state, attempts, failures, last_tried_at,
        created_at
    )
    SELECT {endpoint}, n, 'msg_' || md5(n::text), 'order', 'placed', n, jsonb_build_object(
        'type', 'order.placed', 'timestamp', moment, 'cursor', n::text,
        'data', jsonb_build_object('id', n, 'number', 'N' || to_char(n, 'FM000000000'))
    )::text, 'delivered', 1, 0, moment, moment
    FROM (
        SELECT n, now() - interval '30 days' + n * interval '30 days' / {rows} AS moment
        FROM generate_series(%s::bigint, %s) n
    ) AS made
    RETURNING id, created_at
)
INSERT INTO webhooks_attempt (delivery_id, number, at, duration_ms, status, error, answer)
SELECT id, 1, created_at, 35, 200, '', 'OK' FROM sent
"""
FAILURES = """
WITH tried AS (
    INSERT INTO webhooks_delivery (
        endpoint_id, seq, message_id, topic, kind, object_id, payload, state, attempts, failures, last_tried_at,
        created_at
    )
    SELECT {endpoint}, n, 'msg_failed_' || n, 'order', 'placed', n, '{{"type":"order.placed"}}', 'failed', 8, 8, now(),
        now() - interval '2 days'
    FROM generate_series(%s, %s) n
    RETURNING id, created_at
)
INSERT INTO webhooks_attempt (delivery_id, number, at, duration_ms, status, error, answer)
SELECT id, k, created_at + k * interval '5 hours', 1200, 503, '{failure}', 'Down for repair'
FROM tried, generate_series(1, 8) k
"""
REQUESTS = """
INSERT INTO ecommerce_loggedrequest
    (request_id, at, protocol, operation, method, path, status, duration_ms, user_id, address)
SELECT md5('request' || n), now() - interval '30 days' + n * interval '30 days' / {rows}, 'rest', 'product-detail',
    'GET', '/api/v1/products/' || n, '200', 3 + n %% 40, CASE n %% 3 WHEN 0 THEN 1 + n %% {users} END, '127.0.0.1'
FROM generate_series(%s::bigint, %s) n
"""


def prepare_database(rows: int) -> None:
    """Migrate the database and, if it is empty, fill it. Raises SystemExit if it has other rows than this script's."""
    call_command("migrate", verbosity=0)
    if Category.objects.count() >= CATEGORIES:  # written last
        filled = Product.objects.count()
        if filled != rows:
            raise SystemExit(f"The database was filled with --rows {filled}. Use that, or another database.")
        return
    if Product.objects.exists() or Order.objects.exists():
        raise SystemExit("The database is neither empty nor completely filled by this script. Use another one.")
    with _without_triggers():
        _fill(rows)
        say("counting, summarising, vacuuming")
        call_command("recount", stdout=sys.stderr)
        call_command("summarisesales", stdout=sys.stderr)
        _execute("VACUUM ANALYZE")


def _fill(rows: int) -> None:
    users = rows // USERS_SHARE
    category = Category.objects.create(name=CATEGORY, slug=CATEGORY.lower()).pk
    good, bad = (_endpoint(name) for name in ("orders", "stock"))
    _in_parts("products", PRODUCTS.format(rows=rows, in_category=IN_CATEGORY, category=category), rows)
    _in_parts("stocks in the ledger", product_history.opening("postgresql"), rows)
    _in_parts("users", USERS, users)
    _in_parts("orders", ORDERS.format(rows=rows, users=users), rows)
    _in_parts("deliveries", DELIVERIES.format(rows=rows, endpoint=good), rows)
    _in_parts("failed deliveries", FAILURES.format(endpoint=bad, failure=FAILURE), FAILED)
    _in_parts("requests", REQUESTS.format(rows=rows, users=users), rows)
    for model in (Product, User, Order):
        table = model._meta.db_table
        _execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT MAX(id) FROM {table}))")
    others = range(2, CATEGORIES + 1)
    Category.objects.bulk_create(Category(name=f"Category {n}", slug=f"category-{n}") for n in others)


def _endpoint(name: str) -> int:
    return Endpoint.objects.create(url=f"https://{name}.example.com/hook", secret=new_secret()).pk


def _in_parts(what: str, statement: str, rows: int) -> None:
    say(f"{rows:,} {what}")
    for first in range(1, rows + 1, AT_ONCE):
        _execute(statement, [first, min(first + AT_ONCE - 1, rows)])


@contextmanager
def _without_triggers() -> Iterator[None]:
    """Write without triggers and checks of foreign keys in this connection: the statements set what triggers would."""
    _execute("SET session_replication_role = replica")
    _execute("SET synchronous_commit = off")
    _execute("SET statement_timeout = 0")
    try:
        yield
    finally:
        connection.close()  # the next one has the defaults


def _execute(statement: str, values: list[int] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
