"""Bare grpc.aio: messages by hand; asyncpg with prepared statements on PostgreSQL, sqlite3 on the loop on SQLite."""

import asyncio
import sys

import grpc

from benchmarks.peers.rows import COUNT, IS_SQLITE, ONE, PAGE, URL, execute, page_of, product
from protos import product_pb2 as pb
from protos.product_pb2_grpc import ProductServiceServicer, add_ProductServiceServicer_to_server


class OnSQLite(ProductServiceServicer):
    async def GetProduct(self, request, context):
        return pb.GetProductResponse(product=product(execute(ONE, request.id).fetchone()))

    async def ListProducts(self, request, context):
        rows = execute(PAGE, request.page_size or 20).fetchall()
        return page_of(rows, execute(COUNT).fetchone()[0])


class OnPostgreSQL(ProductServiceServicer):
    def __init__(self, pool) -> None:
        self.pool = pool

    async def GetProduct(self, request, context):
        row = await self.pool.fetchrow(ONE.replace("%s", "$1"), request.id)
        return pb.GetProductResponse(product=product(row))

    async def ListProducts(self, request, context):
        async with self.pool.acquire() as connection:
            rows = await connection.fetch(PAGE.replace("%s", "$1"), request.page_size or 20)
            return page_of(rows, await connection.fetchval(COUNT))


async def serve(port: str) -> None:
    if IS_SQLITE:
        servicer: ProductServiceServicer = OnSQLite()
    else:
        import asyncpg

        servicer = OnPostgreSQL(await asyncpg.create_pool(URL, min_size=8, max_size=8))
    server = grpc.aio.server()
    add_ProductServiceServicer_to_server(servicer, server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


asyncio.run(serve(sys.argv[1]))
