"""Bare grpcio: its server with 10 threads, a raw driver, messages by hand."""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

from benchmarks.peers.rows import COUNT, ONE, PAGE, execute, page_of, product
from protos import product_pb2 as pb
from protos.product_pb2_grpc import ProductServiceServicer, add_ProductServiceServicer_to_server


class Servicer(ProductServiceServicer):
    def GetProduct(self, request, context):
        return pb.GetProductResponse(product=product(execute(ONE, request.id).fetchone()))

    def ListProducts(self, request, context):
        rows = execute(PAGE, request.page_size or 20).fetchall()
        return page_of(rows, execute(COUNT).fetchone()[0])


server = grpc.server(ThreadPoolExecutor(10))
add_ProductServiceServicer_to_server(Servicer(), server)
server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
server.wait_for_termination()
