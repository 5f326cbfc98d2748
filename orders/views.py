"""Orders over REST."""

from collections.abc import Mapping
from typing import Any

from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from core.actors import Actor
from core.permissions import guarded_by
from core.protocols.rest.batch import batch_body
from core.protocols.rest.creating import Creation
from core.protocols.rest.links import links_in
from core.protocols.rest.views import ShopViewSet
from orders import openapi
from orders.actions import move_order, place_order
from orders.bulk import move_orders
from orders.filters import OF_USER, OrderFilter, UserOrderFilter
from orders.models import Order, OrderHistory
from orders.serializers import (
    BasketSerializer,
    MoveDetailsSerializer,
    OrderHistorySerializer,
    OrderRowSerializer,
    OrderSerializer,
    lines_of,
    moves_in,
)
from orders.transitions import VERBS


def _move_action(verb: str) -> Any:
    """Build the action `POST /orders/{id}/<verb>`."""

    @guarded_by(move_order)
    def move(self: ShopViewSet, request: Request, pk: int) -> Response:
        details = self.checked(MoveDetailsSerializer) if VERBS[verb].details else {}
        return self.shown(move_order(actor=request.user, order_id=pk, verb=verb, details=details))

    move.__name__ = verb
    return action(detail=True, methods=["post"])(move)


def _placed(actor: Actor, basket: Mapping[str, Any], key: str | None) -> Order:
    return place_order(actor=actor, lines=lines_of(basket), key=key)


def with_moves(view: type[ShopViewSet]) -> type[ShopViewSet]:
    """Add the verbs of the transition table to a viewset."""
    for verb in VERBS:
        setattr(view, verb, _move_action(verb))
    return view


@openapi.orders
@with_moves
class OrderViewSet(ShopViewSet):
    queryset = Order.objects.with_items()
    serializer_class = OrderSerializer
    filterset_class = OrderFilter
    list_name = "orders"
    creation = Creation(BasketSerializer, _placed, "order-detail")

    @guarded_by(place_order)
    def create(self, request: Request) -> Response:
        order = _placed(request.user, self.checked(BasketSerializer), request.headers.get("Idempotency-Key"))
        location = reverse("order-detail", kwargs={"pk": order.pk}, request=request)
        return self.shown(order, status=201, headers={"Location": location})

    @action(detail=False, methods=["post"], pagination_class=None)
    @guarded_by(move_orders)
    def moves(self, request: Request) -> Response:
        key, link = request.headers.get("Idempotency-Key"), links_in(request)("order-detail")
        outcomes = move_orders(actor=request.user, key=key, **moves_in(request.data))
        return Response(batch_body(outcomes, link, request.version, done="moved", status=200))


@openapi.history
class OrderHistoryViewSet(ShopViewSet):
    queryset = OrderHistory.objects.all()
    serializer_class = OrderHistorySerializer
    list_name = "changes"

    def list(self, request: Request, pk: int) -> Response:  # type: ignore[override]  # the path has the order's id
        return self.page_of(OrderHistory.objects.of(request.user, pk))


@openapi.user_orders
class UserOrdersViewSet(ShopViewSet):
    queryset = Order.objects.all()
    serializer_class = OrderRowSerializer
    filterset_class = UserOrderFilter
    list_name = "orders"
    list_extra = {"user_id": {"type": "integer", "example": 12}}
    parent = OF_USER
