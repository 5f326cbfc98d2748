"""The SQL of the contestants without a framework, which `pgbench` runs too: hand-written, prepared, one call each."""

import os

DATABASE = os.environ.get("PEERS_DATABASE", "")
PRODUCT_FIELDS = ("id", "sku", "name", "description", "price", "stock", "version", "created_at", "updated_at")
ROW_FIELDS = ("id", "name", "price", "stock")
ORDER_FIELDS = ("id", "status", "total", "created_at")

PRODUCT = f"select {', '.join(PRODUCT_FIELDS)} from shop_product where id = $1"
NEWEST_FIRST = "from shop_product order by created_at desc, id desc limit 20 offset $1"
PAGE = f"select {', '.join(ROW_FIELDS)} {NEWEST_FIRST}"
WHOLE_PAGE = f"select {', '.join(PRODUCT_FIELDS)} {NEWEST_FIRST}"
COUNT = "select count(*) from shop_product"

USER = "select id, username, email from shop_user where id = $1"
ORDERS = f"select {', '.join(ORDER_FIELDS)} from shop_order where user_id = $1 order by id"
LINES = """select i.order_id, p.id, p.name, i.quantity, i.unit_price from shop_orderitem i
    join shop_product p on p.id = i.product_id join shop_order o on o.id = i.order_id
    where o.user_id = $1 order by i.id"""

LOCK = "select id, name, price, stock from shop_product where id = any($1::bigint[]) order by id for update"
NEW_ORDER = """insert into shop_order (user_id, status, total, created_at) values ($1, 'pending', $2, now())
    returning id, status, total, created_at"""
NEW_LINES = """insert into shop_orderitem (order_id, product_id, quantity, unit_price)
    select $1, * from unnest($2::bigint[], $3::int[], $4::numeric[])"""
TAKE_STOCK = """update shop_product p set stock = stock - v.taken, updated_at = now()
    from unnest($1::bigint[], $2::int[]) v(id, taken) where p.id = v.id"""

NEW_PRODUCTS = """insert into shop_product (sku, name, description, price, stock, version, created_at, updated_at)
    select *, 1, now(), now() from unnest($1::text[], $2::text[], $3::text[], $4::numeric[], $5::int[])"""
