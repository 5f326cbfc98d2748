"""Bare grpc.aio with hand-written messages on asyncpg: `python -m benchmarks.peers.grpc_aio PORT`."""

import asyncio
import sys

import asyncpg
import grpc

from benchmarks.peers import messages, statements
from protos import product_pb2 as pb
from protos.product_pb2_grpc import ProductServiceServicer, add_ProductServiceServicer_to_server


class Servicer(ProductServiceServicer):
    def __init__(self, pool) -> None:
        self.pool = pool

    async def GetProduct(self, request, context):
        row = await self.pool.fetchrow(statements.PRODUCT, request.id)
        return pb.GetProductResponse(product=messages.product(row))

    async def ListProducts(self, request, context):
        async with self.pool.acquire() as connection:
            rows = await connection.fetch(statements.WHOLE_PAGE, 20 * (request.page - 1))
            return messages.page(request, rows, await connection.fetchval(statements.COUNT))


async def serve(port: str) -> None:
    server = grpc.aio.server()
    pool = await asyncpg.create_pool(statements.DATABASE, min_size=8, max_size=8)
    add_ProductServiceServicer_to_server(Servicer(pool), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


asyncio.run(serve(sys.argv[1]))
