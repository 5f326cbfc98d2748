"""No framework: an ASGI function, asyncpg, which prepares its statements, orjson."""

import re
from decimal import Decimal

import asyncpg
import orjson

from benchmarks.peers import shapes, statements

pools = []


async def body_of(receive):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body")
    return orjson.loads(body)


async def product(connection, scope, receive, pk):
    return shapes.product(await connection.fetchrow(statements.PRODUCT, int(pk)))


async def products(connection, scope, receive):
    number = int(scope["query_string"].removeprefix(b"page=") or 1)
    rows = await connection.fetch(statements.PAGE, 20 * (number - 1))
    return shapes.page(rows, await connection.fetchval(statements.COUNT))


async def user(connection, scope, receive, pk):
    row = await connection.fetchrow(statements.USER, int(pk))
    orders = await connection.fetch(statements.ORDERS, int(pk))
    return shapes.user(row, orders, await connection.fetch(statements.LINES, int(pk)))


async def place(connection, scope, receive):
    data = await body_of(receive)
    wanted = {item["product"]: item["quantity"] for item in data["items"]}
    ids = sorted(wanted)
    quantities = [wanted[product_id] for product_id in ids]
    async with connection.transaction():
        found = await connection.fetch(statements.LOCK, ids)
        total, lines = shapes.basket(found, wanted)
        order = await connection.fetchrow(statements.NEW_ORDER, data["user"], total)
        await connection.execute(statements.NEW_LINES, order[0], ids, quantities, [row["price"] for row in found])
        await connection.execute(statements.TAKE_STOCK, ids, quantities)
    return shapes.order(order, lines)


async def create_products(connection, scope, receive):
    rows = await body_of(receive)
    texts = [[row[name] for row in rows] for name in ("sku", "name", "description")]
    prices, stocks = [Decimal(str(row["price"])) for row in rows], [row["stock"] for row in rows]
    await connection.execute(statements.NEW_PRODUCTS, *texts, prices, stocks)
    return {"created": len(rows)}


ROUTES = [
    (re.compile(r"/products/(\d+)/"), product, 200),
    (re.compile(r"/products/"), products, 200),
    (re.compile(r"/products/batch/"), create_products, 201),
    (re.compile(r"/users/(\d+)/"), user, 200),
    (re.compile(r"/orders/"), place, 201),
]


async def answer(scope, receive):
    for pattern, handler, status in ROUTES:
        if found := pattern.fullmatch(scope["path"]):
            async with pools[0].acquire() as connection:
                shown = await handler(connection, scope, receive, *found.groups())
            return status, orjson.dumps(shown, option=orjson.OPT_UTC_Z)
    return 404, b""


async def live(receive, send):
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await live(receive, send)
        return
    if not pools:
        pools.append(await asyncpg.create_pool(statements.DATABASE, min_size=8, max_size=8))
    status, body = await answer(scope, receive)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
