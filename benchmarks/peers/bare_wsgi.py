"""No framework: a WSGI function, psycopg2 with prepared statements, orjson."""

import re
import threading

import orjson
import psycopg2

from benchmarks.peers import shapes, statements

PREPARED = {
    "product(bigint)": statements.PRODUCT,
    "page(int)": statements.PAGE,
    "total": statements.COUNT,
    "one_user(bigint)": statements.USER,
    "orders(bigint)": statements.ORDERS,
    "lines(bigint)": statements.LINES,
    "lock_products(bigint[])": statements.LOCK,
    "new_order(bigint, numeric)": statements.NEW_ORDER,
    "new_lines(bigint, bigint[], int[], numeric[])": statements.NEW_LINES,
    "take_stock(bigint[], int[])": statements.TAKE_STOCK,
}
local = threading.local()


def cursor():
    if not hasattr(local, "cursor"):
        local.connection = psycopg2.connect(statements.DATABASE)
        local.connection.autocommit = True
        local.cursor = local.connection.cursor()
        for head, sql in PREPARED.items():
            local.cursor.execute(f"prepare {head} as {sql}")
    return local.cursor


def rows(name, *parameters):
    marks = f"({', '.join(['%s'] * len(parameters))})" if parameters else ""
    local.cursor.execute(f"execute {name}{marks}", parameters)
    return local.cursor.fetchall() if local.cursor.description else []


def product(environ, pk):
    return shapes.product(rows("product", int(pk))[0])


def products(environ):
    number = int(environ["QUERY_STRING"].removeprefix("page=") or 1)
    return shapes.page(rows("page", 20 * (number - 1)), rows("total")[0][0])


def products_without_total(environ):
    number = int(environ["QUERY_STRING"].removeprefix("page=") or 1)
    return shapes.page(rows("page", 20 * (number - 1)), None)


def user(environ, pk):
    return shapes.user(rows("one_user", int(pk))[0], rows("orders", int(pk)), rows("lines", int(pk)))


def place(environ):
    data = orjson.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    wanted = {item["product"]: item["quantity"] for item in data["items"]}
    ids = sorted(wanted)
    quantities = [wanted[product_id] for product_id in ids]
    local.cursor.execute("begin")
    try:
        found = rows("lock_products", ids)
        total, lines = shapes.basket(found, wanted)
        order = rows("new_order", data["user"], total)[0]
        rows("new_lines", order[0], ids, quantities, [price for _, _, price, _ in found])
        rows("take_stock", ids, quantities)
    except BaseException:
        local.cursor.execute("rollback")
        raise
    local.cursor.execute("commit")
    return shapes.order(order, lines)


ROUTES = [
    (re.compile(r"/products/(\d+)/"), product, "200 OK"),
    (re.compile(r"/products/"), products, "200 OK"),
    (re.compile(r"/products-without-total/"), products_without_total, "200 OK"),
    (re.compile(r"/users/(\d+)/"), user, "200 OK"),
    (re.compile(r"/orders/"), place, "201 Created"),
]


def app(environ, start_response):
    cursor()
    for pattern, handler, status in ROUTES:
        if found := pattern.fullmatch(environ["PATH_INFO"]):
            body = orjson.dumps(handler(environ, *found.groups()), option=orjson.OPT_UTC_Z)
            headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
            start_response(status, headers)
            return [body]
    start_response("404 Not Found", [("content-length", "0")])
    return [b""]
