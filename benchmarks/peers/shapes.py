"""From rows to the responses of the bare web servers."""

from benchmarks.peers.statements import ORDER_FIELDS, PRODUCT_FIELDS, ROW_FIELDS


def product(row):
    return {**dict(zip(PRODUCT_FIELDS, row, strict=True)), "price": str(row[4])}


def page(rows, count):
    shown = [{**dict(zip(ROW_FIELDS, row, strict=True)), "price": str(row[2])} for row in rows]
    return {"count": count, "results": shown}


def order(row, lines):
    return {**dict(zip(ORDER_FIELDS, row, strict=True)), "total": str(row[2]), "items": lines}


def line(product_id, name, quantity, unit_price):
    return {"product": {"id": product_id, "name": name}, "quantity": quantity, "unit_price": str(unit_price)}


def user(row, orders, lines):
    by_order = {}
    for order_id, *fields in lines:
        by_order.setdefault(order_id, []).append(line(*fields))
    shown = [order(each, by_order.get(each[0], [])) for each in orders]
    return {"id": row[0], "username": row[1], "email": row[2], "orders": shown}


def basket(rows, wanted):
    """Return (total, lines) of an order. Raises ValueError if a product has too few units."""
    if any(stock < wanted[product_id] for product_id, _, _, stock in rows):
        raise ValueError("out of stock")
    total = sum(price * wanted[product_id] for product_id, _, price, _ in rows)
    return total, [line(product_id, name, wanted[product_id], price) for product_id, name, price, _ in rows]
