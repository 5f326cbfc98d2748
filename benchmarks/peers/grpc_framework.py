"""djangogrpcframework as shipped: its ModelProtoSerializer, its service, its servicer, grpcio's server with 10 threads.

Its own `grpcrunserver` does not start on Django 5.2, so the server is made here as that command makes it.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import django
import grpc

django.setup()

from django_grpc_framework import generics, proto_serializers  # noqa: E402  # Django first

from catalog.models import Product  # noqa: E402
from protos import product_pb2 as pb  # noqa: E402
from protos.product_pb2_grpc import ProductServiceServicer, add_ProductServiceServicer_to_server  # noqa: E402


class ProductProtoSerializer(proto_serializers.ModelProtoSerializer):
    class Meta:
        model = Product
        proto_class = pb.Product
        fields = ("id", "name", "description", "price", "stock", "sku", "version")


class ProductService(generics.GenericService):
    queryset = Product.objects.all()
    serializer_class = ProductProtoSerializer

    def GetProduct(self, request, context):
        return pb.GetProductResponse(product=self.get_serializer(self.get_object()).message)

    def ListProducts(self, request, context):
        rows = self.get_queryset().order_by("-created_at", "-id")
        products = self.get_serializer(rows[: request.page_size or 20], many=True).message
        total = rows.count()
        return pb.ListProductsResponse(products=products, total=total, page=1, total_pages=-(-total // 20))


class Servicer(ProductServiceServicer):
    """The stock servicer makes its methods from the attributes of the service; the others stay unimplemented."""

    GetProduct = staticmethod(ProductService.as_servicer().GetProduct)
    ListProducts = staticmethod(ProductService.as_servicer().ListProducts)


server = grpc.server(ThreadPoolExecutor(10))
add_ProductServiceServicer_to_server(Servicer(), server)
server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
server.wait_for_termination()
