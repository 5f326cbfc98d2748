"""The work of GetProduct and ListProducts by a raw driver: no framework, the SQL written by hand."""

import os
import sqlite3
import threading
from urllib.parse import urlsplit

from protos import product_pb2 as pb

URL = os.environ["DATABASE_URL"]
IS_SQLITE = URL.startswith("sqlite")
MARK = "?" if IS_SQLITE else "%s"
COLUMNS = "id, name, description, price, stock, sku, version"
ONE = f"SELECT {COLUMNS} FROM catalog_product WHERE id = {MARK}"
PAGE = f"SELECT {COLUMNS} FROM catalog_product ORDER BY created_at DESC, id DESC LIMIT {MARK}"
COUNT = "SELECT count(*) FROM catalog_product"

_local = threading.local()


def sqlite_path() -> str:
    return urlsplit(URL).path


def execute(sql: str, *params):
    """Run a statement on this thread's connection; PostgreSQL prepares it."""
    if not hasattr(_local, "connection"):
        _local.connection = _connected()
    if IS_SQLITE:
        return _local.connection.execute(sql, params)
    return _local.connection.execute(sql, params, prepare=True)


def _connected():
    if IS_SQLITE:
        return sqlite3.connect(sqlite_path(), isolation_level=None)
    import psycopg

    return psycopg.connect(URL, autocommit=True)


def product(row) -> pb.Product:
    return pb.Product(
        id=row[0], name=row[1], description=row[2], price=float(row[3]), stock=row[4], sku=row[5], version=row[6]
    )


def page_of(rows, total: int) -> pb.ListProductsResponse:
    return pb.ListProductsResponse(products=map(product, rows), total=total, page=1, total_pages=-(-total // 20))
