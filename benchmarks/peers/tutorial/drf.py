"""Stock DRF: model serializers, model viewsets, a router."""

from django.urls import include, path
from rest_framework import routers, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.response import Response

from benchmarks.peers.tutorial.shop.models import Order, OrderItem, Product, User
from benchmarks.peers.tutorial.shop.orders import OutOfStock, place


class ProductSerializer(serializers.ModelSerializer):
    class Meta:
        model = Product
        fields = ["id", "sku", "name", "description", "price", "stock", "version", "created_at", "updated_at"]


class ProductRowSerializer(serializers.ModelSerializer):
    class Meta:
        model = Product
        fields = ["id", "name", "price", "stock"]


class ProductNameSerializer(serializers.ModelSerializer):
    class Meta:
        model = Product
        fields = ["id", "name"]


class OrderItemSerializer(serializers.ModelSerializer):
    product = ProductNameSerializer(read_only=True)

    class Meta:
        model = OrderItem
        fields = ["product", "quantity", "unit_price"]


class OrderSerializer(serializers.ModelSerializer):
    items = OrderItemSerializer(many=True, read_only=True)

    class Meta:
        model = Order
        fields = ["id", "status", "total", "created_at", "items"]


class UserSerializer(serializers.ModelSerializer):
    orders = OrderSerializer(many=True, read_only=True)

    class Meta:
        model = User
        fields = ["id", "username", "email", "orders"]


class NewItemSerializer(serializers.ModelSerializer):
    class Meta:
        model = OrderItem
        fields = ["product", "quantity"]


class NewOrderSerializer(serializers.ModelSerializer):
    items = NewItemSerializer(many=True)

    class Meta:
        model = Order
        fields = ["user", "items"]

    def create(self, validated_data):
        lines = [(item["product"].pk, item["quantity"]) for item in validated_data["items"]]
        try:
            return place(validated_data["user"].pk, lines)
        except OutOfStock:
            raise serializers.ValidationError("out of stock") from None

    def to_representation(self, instance):
        return OrderSerializer(instance, context=self.context).data


class ProductViewSet(viewsets.ModelViewSet):
    queryset = Product.objects.order_by("-created_at", "-id")

    def get_serializer_class(self):
        return ProductRowSerializer if self.action == "list" else ProductSerializer

    @action(detail=False, methods=["post"])
    def batch(self, request):
        serializer = self.get_serializer(data=request.data, many=True)
        serializer.is_valid(raise_exception=True)
        return Response({"created": len(serializer.save())}, status=201)


class UserViewSet(viewsets.ModelViewSet):
    queryset = User.objects.prefetch_related("orders__items__product").order_by("id")
    serializer_class = UserSerializer


class OrderViewSet(viewsets.ModelViewSet):
    queryset = Order.objects.order_by("id")
    serializer_class = NewOrderSerializer


router = routers.DefaultRouter()
for name, viewset in (("products", ProductViewSet), ("users", UserViewSet), ("orders", OrderViewSet)):
    router.register(name, viewset)
urlpatterns = [path("", include(router.urls))]
