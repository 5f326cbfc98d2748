"""Bare grpcio: its server with 8 threads, psycopg2 with prepared statements, hand-written messages."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import psycopg2

from benchmarks.peers import messages, statements
from protos import product_pb2 as pb
from protos.product_pb2_grpc import ProductServiceServicer, add_ProductServiceServicer_to_server

local = threading.local()


def cursor():
    if not hasattr(local, "cursor"):
        local.connection = psycopg2.connect(statements.DATABASE)
        local.connection.autocommit = True
        local.cursor = local.connection.cursor()
        local.cursor.execute(f"prepare one(bigint) as {statements.PRODUCT}")
        local.cursor.execute(f"prepare page(int) as {statements.WHOLE_PAGE}")
        local.cursor.execute(f"prepare total as {statements.COUNT}")
    return local.cursor


class Servicer(ProductServiceServicer):
    def GetProduct(self, request, context):
        found = cursor()
        found.execute("execute one(%s)", (request.id,))
        return pb.GetProductResponse(product=messages.product(found.fetchone()))

    def ListProducts(self, request, context):
        found = cursor()
        found.execute("execute page(%s)", (20 * (request.page - 1),))
        rows = found.fetchall()
        found.execute("execute total")
        return messages.page(request, rows, found.fetchone()[0])


server = grpc.server(ThreadPoolExecutor(8))
add_ProductServiceServicer_to_server(Servicer(), server)
server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
server.wait_for_termination()
