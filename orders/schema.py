"""Orders over GraphQL."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from accounts.models import User
from accounts.schema import UserType
from catalog.models import Product
from catalog.schema import FIELD_CHANGES, BatchError, ProductType, batch_error
from core.actors import Actor
from core.errors import BadParameters, DomainError
from core.history.serializers import HISTORY
from core.lists.filters import filtered, filters_of
from core.lists.keyset import NEWEST_FIRST, Page, pages_by
from core.models import Event
from core.permissions import is_signed_in
from core.protocols.graph.connections import (
    ConnectionField,
    CountedConnection,
    as_connection,
    connection_of,
    slice_of,
)
from core.protocols.graph.context import extend, graphql_caller
from core.protocols.graph.derived import NodeType, filter_arguments, input_type, inputs_of
from core.protocols.graph.live.subscription_spec import SubscriptionSpec
from core.protocols.graph.peers import for_all, grouped
from core.protocols.graph.resolvers import OneRow, PagedRows, Related
from core.protocols.graph.scalars import DateTime
from core.serializers import checked
from orders.actions import move_order, place_order
from orders.bulk import move_orders
from orders.feed import is_for, order_facts
from orders.filters import OrderFilter, UserOrderFilter
from orders.models import Order, OrderHistory, OrderItem, OrderStatus
from orders.querysets import OrderQuerySet
from orders.serializers import (
    BasketSerializer,
    MoveDetailsSerializer,
    OrderHistorySerializer,
    OrderItemSerializer,
    OrderLineSerializer,
    OrderMoveSerializer,
    OrderSerializer,
    lines_of,
    moves_in,
)
from orders.transitions import VERBS, rpc_name

MAX_ORDERS = 1_000  # in the plain list of a user's orders
KEY = "A retry with the same key gets the first response again. Spaces at its ends are ignored."

OrderStatusType = graphene.Enum.from_enum(
    OrderStatus, description=lambda value: None if value else "The status of an order."
)


class OrderItemType(NodeType):
    class Meta:
        serializer_class = OrderItemSerializer
        name = "OrderItem"
        description = "A line of an order, with sku, name and price as they were when it was placed."
        use_connection = False

    product = graphene.Field(
        ProductType,
        resolver=Related("product", Product.objects.visible_to),
        description="Null if the product was deleted.",
    )
    product_id = graphene.Int(
        source="ordered_product_id",
        description="The `pk` of the ordered product, even after the product is deleted.",
    )


class OrderType(NodeType):
    class Meta:
        serializer_class = OrderSerializer
        name = "Order"
        description = "An order, with its products at the prices of that time."
        connection_class = CountedConnection

    user_id = graphene.Int(description="Null for a guest's order.")
    user = graphene.Field(UserType, resolver=Related("user", User.objects.visible_to))
    status = OrderStatusType(required=True)

    resolve_items = Related("items", lambda caller: OrderItem.objects.order_by("id"))


def _orders_for(caller: Actor) -> OrderQuerySet:
    return Order.objects.visible_to(caller).newest_first()


def _order_pages_of(user: User, info: GraphQLResolveInfo, **args: Any) -> CountedConnection:
    filters = tuple((name, args.pop(name, None)) for name in filters_of(UserOrderFilter))
    bad = BadParameters()
    with bad:
        orders = filtered(UserOrderFilter, dict(filters), Order.objects.visible_to(graphql_caller(info)))
    with bad:
        wanted = slice_of(OrderType, args, NEWEST_FIRST)
    bad.check()

    def load(users: Sequence[User]) -> dict[int, Page[Order]]:
        pages = pages_by(orders.filter(user__in=users), "user_id", NEWEST_FIRST, wanted)
        grouped(order for page in pages.values() for order in page.rows)
        return pages

    page = for_all(user, ("orders", wanted, filters), load) or Page([], has_next=False, has_previous=False)

    def count() -> int:
        return for_all(user, ("order counts", filters), orders.counts_by_user) or 0

    return as_connection(OrderType, page, NEWEST_FIRST, count)


extend(
    UserType,
    orders=graphene.Field(
        graphene.NonNull(graphene.List(graphene.NonNull(OrderType))),
        resolver=Related("orders", _orders_for, most=MAX_ORDERS),
        description=f"The newest {MAX_ORDERS} orders of the user; the newest come first.",
    ),
    orders_connection=ConnectionField(
        OrderType,
        resolver=_order_pages_of,
        **filter_arguments(UserOrderFilter),
        description="All orders of the user, in pages.",
    ),
)


class OrderHistoryType(NodeType):
    class Meta:
        serializer_class = OrderHistorySerializer
        name = "OrderHistory"
        description = "A change of an order."
        connection_class = CountedConnection

    actor_id = graphene.Int(description="The caller; null for manual SQL and commands.")
    fields = graphene.Field(FIELD_CHANGES)


class Query(graphene.ObjectType):
    order_history = ConnectionField(
        OrderHistoryType,
        id=graphene.Int(required=True),
        description="Every change of an order, manual SQL included, the newest first. For staff.",
    )

    def resolve_order_history(self, info: GraphQLResolveInfo, id: int, **paging: object) -> CountedConnection:
        caller = graphql_caller(info, OrderHistory.objects.all().readers)
        return connection_of(
            OrderHistoryType, paging, sort=lambda: HISTORY, find=lambda: OrderHistory.objects.of(caller, id)
        )

    order = graphene.Field(OrderType, id=graphene.Int(), description="One order, for its owner and staff.")
    resolve_order = OneRow(Order.objects.all())

    all_orders = ConnectionField(
        OrderType,
        **filter_arguments(OrderFilter),
        description="The caller's own orders; for staff, all orders. Newest first.",
    )
    resolve_all_orders = PagedRows(
        Order.objects.all(),
        (NEWEST_FIRST.key,),
        NEWEST_FIRST,
        filterset=OrderFilter,
        guard=Order.objects.all().readers,
    )


OrderItemInput = input_type(
    "OrderItemInput", OrderLineSerializer, "A product and its quantity; lines of the same product are merged."
)


class PlaceOrder(graphene.Mutation):
    """Take the stock and record the order, or do neither."""

    class Arguments:
        items = graphene.List(graphene.NonNull(OrderItemInput), required=True)
        idempotency_key = graphene.String(description=KEY)

    ok = graphene.Boolean()
    order = graphene.Field(OrderType)

    def mutate(self, info: GraphQLResolveInfo, items: list[Any], idempotency_key: str | None = None) -> "PlaceOrder":
        actor = graphql_caller(info, place_order)
        lines = lines_of(checked(BasketSerializer, {"items": [dict(item) for item in items]}))
        return PlaceOrder(ok=True, order=place_order(actor=actor, lines=lines, key=idempotency_key))


def _move_mutation(verb: str) -> graphene.Field:
    """Build the mutation of a verb of the transition table."""

    inputs = inputs_of(MoveDetailsSerializer) if VERBS[verb].details else {}

    def mutate(root: object, info: GraphQLResolveInfo, id: int, **sent: str | None) -> Any:
        actor = graphql_caller(info, move_order)
        details = checked(MoveDetailsSerializer, sent) if sent else {}
        order = move_order(actor=actor, order_id=id, verb=verb, details=details)
        return payload(ok=True, order=order)

    members = {
        "__doc__": VERBS[verb].description,
        "Arguments": type("Arguments", (), {"id": graphene.Int(required=True), **inputs}),
        "ok": graphene.Boolean(),
        "order": graphene.Field(OrderType),
        "mutate": mutate,
    }
    payload: Any = type(rpc_name(verb), (graphene.Mutation,), members)
    return payload.Field()


OrderVerb = graphene.Enum("OrderVerb", [(verb.upper(), verb) for verb in VERBS], description="A move of an order.")
OrderMoveInput = input_type("OrderMove", OrderMoveSerializer, "An order to move, and the fields that its move may set.")


class BatchMoveOrders(graphene.Mutation):
    """Move up to 500 orders by one verb: each order that may be moved is moved. The rights are those of the verb."""

    class Arguments:
        verb = OrderVerb(required=True)
        orders = graphene.List(graphene.NonNull(OrderMoveInput), required=True)
        idempotency_key = graphene.String(description=KEY)

    ok = graphene.Boolean(description="Whether every order was moved.")
    moved_count = graphene.Int(required=True)
    orders = graphene.List(OrderType, required=True, description="In the order of the request; null for refused rows.")
    errors = graphene.List(graphene.NonNull(BatchError), required=True)

    def mutate(
        self, info: GraphQLResolveInfo, verb: Any, orders: list[dict[str, Any]], idempotency_key: str | None = None
    ) -> "BatchMoveOrders":
        actor = graphql_caller(info, move_orders)
        moves = moves_in({"verb": verb.value, "orders": [dict(order) for order in orders]})
        outcomes = move_orders(actor=actor, key=idempotency_key, **moves)
        moved = grouped(row for row in outcomes if isinstance(row, Order))
        return BatchMoveOrders(
            ok=len(moved) == len(outcomes),
            moved_count=len(moved),
            orders=[row if isinstance(row, Order) else None for row in outcomes],
            errors=[batch_error(n, row) for n, row in enumerate(outcomes) if isinstance(row, DomainError)],
        )


Mutation: Any = type(
    "Mutation",
    (graphene.ObjectType,),
    {
        "place_order": PlaceOrder.Field(),
        **{f"{verb}_order": _move_mutation(verb) for verb in VERBS},
        "batch_move_orders": BatchMoveOrders.Field(),
    },
)


class OrderUpdate(graphene.ObjectType):
    """A change of an order."""

    order_id = graphene.Int(required=True)
    status = OrderStatusType(required=True, description="The status after this change.")
    kind = graphene.String(required=True, description="`placed`, or `moved` to another status.")
    at = DateTime(required=True)
    cursor = graphene.String(required=True, description="The cursor to resume from, in any protocol.")
    order = graphene.Field(OrderType, description="The order as it is now.")

    def resolve_order(self, info: GraphQLResolveInfo) -> Order | None:
        return Order.objects.visible_to(graphql_caller(info)).filter(pk=self.order_id).first()


class Subscription(graphene.ObjectType):
    order_updated = graphene.Field(
        OrderUpdate,
        id=graphene.Int(
            description="Only changes of this order. If omitted, changes of all orders that are visible to the caller."
        ),
        after=graphene.String(description="Resume after this cursor. If omitted, the stream starts with new changes."),
        description="Every change of the caller's orders; for staff, of all orders. Ends if the caller's role changes.",
    )

    def subscribe_order_updated(
        self, info: GraphQLResolveInfo, id: int | None = None, after: str | None = None
    ) -> SubscriptionSpec:
        caller = graphql_caller(info, is_signed_in)
        if id is not None and not (id and after):
            Order.objects.one(caller, id)
        return SubscriptionSpec(partial(is_for, caller, id or 0), after, depends_on_role=True)

    def resolve_order_updated(self: Event, info: GraphQLResolveInfo, **_: object) -> OrderUpdate:
        facts = order_facts(self)
        del facts["timestamp"], facts["user_id"]
        return OrderUpdate(**facts, at=self.at, cursor=self.cursor)
