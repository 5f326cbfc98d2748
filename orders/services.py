"""Orders over gRPC."""

from typing import Any

from accounts.errors import UserNotFound
from accounts.models import User
from ecommerce.filters import filtered
from ecommerce.permissions import is_signed_in
from ecommerce.rpc.messages import MessageSerializer, data_of
from ecommerce.rpc.pages import page_of
from ecommerce.rpc.service import Service
from ecommerce.serializers import checked
from orders.actions import cancel_order, deliver_order, pay_order, place_order, refund_order, ship_order
from orders.errors import OrderNotFound
from orders.filters import OrderFilter
from orders.models import Order
from orders.permissions import can_place_orders
from orders.serializers import BasketSerializer, OrderSerializer, lines_of
from protos import order_pb2 as pb

READS = ("GetOrder", "ListOrders", "ListUserOrders")
MOVES = ("CancelOrder", "PayOrder", "ShipOrder", "DeliverOrder", "RefundOrder")


class OrderMessage(MessageSerializer, OrderSerializer):
    class Meta(OrderSerializer.Meta):
        proto_class = pb.Order


class OrderService(Service):
    descriptor = pb.DESCRIPTOR.services_by_name["OrderService"]
    queryset = Order.objects.all()
    serializer_class = OrderMessage
    not_found = OrderNotFound
    rules = dict.fromkeys((*READS, *MOVES), is_signed_in) | {"PlaceOrder": can_place_orders}

    def PlaceOrder(self, request: Any, context: Any) -> pb.PlaceOrderResponse:
        lines = lines_of(checked(BasketSerializer, data_of(request)))
        order = place_order(actor=self.caller, lines=lines, key=self.metadata.get("idempotency-key"))
        return pb.PlaceOrderResponse(order=OrderMessage.of(order))

    def GetOrder(self, request: Any, context: Any) -> pb.GetOrderResponse:
        return pb.GetOrderResponse(order=OrderMessage.of(self.get_object()))

    def ListOrders(self, request: Any, context: Any) -> pb.ListOrdersResponse:
        narrowed = filtered(OrderFilter, {"status": request.status}, self.get_queryset().with_items())
        page = page_of(narrowed, request)
        return pb.ListOrdersResponse(orders=map(OrderMessage.of, page.rows), **page.counts)

    def ListUserOrders(self, request: Any, context: Any) -> pb.ListUserOrdersResponse:
        user = self.row_of(User.objects.visible_to(self.caller), request.user_id, UserNotFound)
        page = page_of(self.get_queryset().filter(user=user).with_items().newest_first(), request)
        return pb.ListUserOrdersResponse(orders=map(OrderMessage.of, page.rows), **page.counts)

    def CancelOrder(self, request: Any, context: Any) -> pb.CancelOrderResponse:
        order = cancel_order(actor=self.caller, order_id=request.id)
        return pb.CancelOrderResponse(order=OrderMessage.of(order))

    def PayOrder(self, request: Any, context: Any) -> pb.PayOrderResponse:
        order = pay_order(actor=self.caller, order_id=request.id)
        return pb.PayOrderResponse(order=OrderMessage.of(order))

    def ShipOrder(self, request: Any, context: Any) -> pb.ShipOrderResponse:
        order = ship_order(actor=self.caller, order_id=request.id)
        return pb.ShipOrderResponse(order=OrderMessage.of(order))

    def DeliverOrder(self, request: Any, context: Any) -> pb.DeliverOrderResponse:
        order = deliver_order(actor=self.caller, order_id=request.id)
        return pb.DeliverOrderResponse(order=OrderMessage.of(order))

    def RefundOrder(self, request: Any, context: Any) -> pb.RefundOrderResponse:
        order = refund_order(actor=self.caller, order_id=request.id)
        return pb.RefundOrderResponse(order=OrderMessage.of(order))
