"""Orders over gRPC."""

from typing import Any

from core.errors import BadParameters, DomainError
from core.history.serializers import HISTORY
from core.lists.keyset import NEWEST_FIRST
from core.permissions import guarded_by
from core.protocols.rpc.caller import CallContext
from core.protocols.rpc.messages import MessageSerializer, data_of
from core.protocols.rpc.pages import QuerysetRows, list_response, page_request_of
from core.protocols.rpc.service import Service
from core.serializers import checked
from orders.actions import move_order, place_order
from orders.bulk import move_orders
from orders.filters import OF_USER, OrderFilter, UserOrderFilter
from orders.models import Order, OrderHistory
from orders.serializers import (
    BasketSerializer,
    MoveDetailsSerializer,
    OrderHistorySerializer,
    OrderSerializer,
    lines_of,
    moves_in,
)
from orders.transitions import VERBS, rpc_name
from protos import order_pb2 as pb


class OrderMessage(MessageSerializer, OrderSerializer):
    class Meta(OrderSerializer.Meta):
        proto_class = pb.Order


class OrderHistoryMessage(MessageSerializer, OrderHistorySerializer):
    class Meta(OrderHistorySerializer.Meta):
        proto_class = pb.OrderHistory


class OrderService(Service):
    descriptor = pb.DESCRIPTOR.services_by_name["OrderService"]
    queryset = Order.objects.with_items()
    serializer_class = OrderMessage

    @guarded_by(place_order)
    def PlaceOrder(self, request: pb.PlaceOrderRequest, context: CallContext) -> pb.PlaceOrderResponse:
        lines = lines_of(checked(BasketSerializer, data_of(request)))
        order = place_order(actor=self.caller, lines=lines, key=self.metadata.get("idempotency-key"))
        return pb.PlaceOrderResponse(order=OrderMessage.of(order))

    @guarded_by(move_orders)
    def BatchMoveOrders(self, request: pb.BatchMoveRequest, context: CallContext) -> pb.BatchMoveResponse:
        key = self.metadata.get("idempotency-key")
        outcomes = move_orders(actor=self.caller, key=key, **moves_in(data_of(request)))
        refused = [(n, row) for n, row in enumerate(outcomes) if isinstance(row, DomainError)]
        failures = [{"index": n, "code": row.code, "message": row.message, "fields": row.fields} for n, row in refused]
        return pb.BatchMoveResponse(moved_count=len(outcomes) - len(failures), failures=failures)

    def GetOrder(self, request: pb.GetOrderRequest, context: CallContext) -> pb.GetOrderResponse:
        return pb.GetOrderResponse(order=self.found())

    def ListOrders(self, request: pb.ListOrdersRequest, context: CallContext) -> pb.ListOrdersResponse:
        bad = BadParameters()
        with bad:
            listed = self.listed(OrderFilter)
        with bad:
            page = page_request_of(request)
        bad.check()
        return list_response(pb.ListOrdersResponse, listed, NEWEST_FIRST, page)

    @guarded_by(OrderHistory.objects.all().readers)
    def ListOrderHistory(
        self, request: pb.ListOrderHistoryRequest, context: CallContext
    ) -> pb.ListOrderHistoryResponse:
        found = QuerysetRows(OrderHistory.objects.of(self.caller, request.id), OrderHistoryMessage)
        return list_response(pb.ListOrderHistoryResponse, found, HISTORY, page_request_of(request))

    def ListUserOrders(self, request: pb.ListUserOrdersRequest, context: CallContext) -> pb.ListUserOrdersResponse:
        OF_USER.check(self.caller, request.user_id)
        bad = BadParameters()
        with bad:
            listed = self.listed(UserOrderFilter, OF_USER, request.user_id)
        with bad:
            page = page_request_of(request)
        bad.check()
        return list_response(pb.ListUserOrdersResponse, listed, NEWEST_FIRST, page)


def _move_method(verb: str) -> Any:
    """Build the method of a verb of the transition table."""
    response_class = getattr(pb, f"{rpc_name(verb)}Response")

    @guarded_by(move_order)
    def move(self: Service, request: Any, context: CallContext) -> Any:
        details = checked(MoveDetailsSerializer, data_of(request)) if VERBS[verb].details else {}
        order = move_order(actor=self.caller, order_id=request.id, verb=verb, details=details)
        return response_class(order=OrderMessage.of(order))

    return move


for verb in VERBS:
    setattr(OrderService, rpc_name(verb), _move_method(verb))
