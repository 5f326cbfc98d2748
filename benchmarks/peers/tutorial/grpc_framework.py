"""djangogrpcframework unchanged: `python -m benchmarks.peers.tutorial.grpc_framework PORT`.

Its command `grpcrunserver` does not start on Django 5.2, so this module creates the server as the command would.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import django
import grpc

django.setup()

from django_grpc_framework import generics, proto_serializers  # noqa: E402  # Django first

from benchmarks.peers.tutorial.shop.models import Product  # noqa: E402
from protos import product_pb2 as pb  # noqa: E402
from protos.product_pb2_grpc import ProductServiceServicer, add_ProductServiceServicer_to_server  # noqa: E402


class ProductProtoSerializer(proto_serializers.ModelProtoSerializer):
    class Meta:
        model = Product
        proto_class = pb.Product
        fields = ("id", "name", "description", "price", "stock", "sku", "version")


class ProductService(generics.GenericService):
    queryset = Product.objects.order_by("-created_at", "-id")
    serializer_class = ProductProtoSerializer

    def GetProduct(self, request, context):
        return pb.GetProductResponse(product=self.get_serializer(self.get_object()).message)

    def ListProducts(self, request, context):
        first = (request.page - 1) * request.page_size
        rows, total = self.get_queryset()[first : first + request.page_size], self.get_queryset().count()
        products = self.get_serializer(rows, many=True).message
        return pb.ListProductsResponse(
            products=products, total=total, page=request.page, total_pages=-(-total // request.page_size)
        )


class Servicer(ProductServiceServicer):
    """The framework's servicer takes its methods from the attributes of the service; the others are unimplemented."""

    GetProduct = staticmethod(ProductService.as_servicer().GetProduct)
    ListProducts = staticmethod(ProductService.as_servicer().ListProducts)


server = grpc.server(ThreadPoolExecutor(10))
add_ProductServiceServicer_to_server(Servicer(), server)
server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
server.wait_for_termination()
