"""Orders over REST."""

from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accounts.models import User
from ecommerce.permissions import is_signed_in
from ecommerce.rest.views import ShopViewSet
from orders import openapi
from orders.actions import move_order, place_order
from orders.filters import OrderFilter
from orders.models import Order
from orders.permissions import can_place_orders
from orders.serializers import BasketSerializer, OrderRowSerializer, OrderSerializer, lines_of
from orders.transitions import MOVES


@openapi.orders
class OrderViewSet(ShopViewSet):
    queryset = Order.objects.all()
    serializer_class = OrderSerializer
    filterset_class = OrderFilter
    list_name = "orders"
    rules = dict.fromkeys(("list", "retrieve", *MOVES), is_signed_in) | {"create": can_place_orders}

    def list(self, request: Request) -> Response:
        return self.page_of(self.get_queryset().with_items())

    def retrieve(self, request: Request, pk: int) -> Response:
        return Response(self.get_serializer(self.get_object()).data)

    def create(self, request: Request) -> Response:
        lines = lines_of(self.checked(BasketSerializer))
        order = place_order(actor=request.user, lines=lines, key=request.headers.get("Idempotency-Key"))
        location = reverse("order-detail", kwargs={"pk": order.pk}, request=request)
        return Response(self.get_serializer(order).data, status=201, headers={"Location": location})

    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: int) -> Response:
        return self._moved(pk)

    @action(detail=True, methods=["post"])
    def pay(self, request: Request, pk: int) -> Response:
        return self._moved(pk)

    @action(detail=True, methods=["post"])
    def ship(self, request: Request, pk: int) -> Response:
        return self._moved(pk)

    @action(detail=True, methods=["post"])
    def deliver(self, request: Request, pk: int) -> Response:
        return self._moved(pk)

    @action(detail=True, methods=["post"])
    def refund(self, request: Request, pk: int) -> Response:
        return self._moved(pk)

    def _moved(self, pk: int) -> Response:
        order = move_order(actor=self.request.user, order_id=pk, verb=self.action)
        return Response(self.get_serializer(order).data)


@openapi.user_orders
class UserOrdersViewSet(ShopViewSet):
    queryset = Order.objects.all()
    serializer_class = OrderRowSerializer
    filterset_class = OrderFilter
    list_name = "orders"
    list_extra = {"user_id": {"type": "integer", "example": 12}}
    rules = {"list": is_signed_in}

    def list(self, request: Request, pk: int) -> Response:
        user = get_object_or_404(User.objects.visible_to(request.user), pk=pk)
        response = self.page_of(self.get_queryset().filter(user=user).for_list())
        response.data = {"user_id": user.pk, **response.data}
        return response
