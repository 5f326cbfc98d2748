"""Orders over GraphQL."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import graphene
from graphene import relay
from graphene_django import DjangoObjectType

from accounts.models import User
from accounts.schema import UserType
from catalog.models import Product
from catalog.schema import ProductType
from ecommerce.feed.events import Event
from ecommerce.graph.connections import ConnectionField, CountedConnection, as_connection, slice_of
from ecommerce.graph.context import caller_of, extend, id_given
from ecommerce.graph.peers import for_all, related, together
from ecommerce.graph.scalars import DateTime
from ecommerce.graph.sources import Source
from ecommerce.keyset import Page, Sort, pages_by
from ecommerce.permissions import require
from ecommerce.serializers import checked
from orders import actions
from orders.actions import place_order
from orders.errors import OrderNotFound
from orders.feed import facts_of, is_for
from orders.models import Order, OrderItem
from orders.permissions import can_place_orders
from orders.serializers import BasketSerializer, lines_of

NEWEST_FIRST = Sort("created_at", descending=True)
OrderStatus = graphene.Enum(
    "OrderStatus",
    [(status.name, status.value) for status in Order.Status],
    description=lambda value: None if value else "How far an order is.",
)


class OrderItemType(DjangoObjectType):
    class Meta:
        model = OrderItem
        name = "OrderItem"
        description = "A line of an order, with sku, name and price as they were when it was placed."
        fields = ("sku", "name", "quantity")
        interfaces = (relay.Node,)
        use_connection = False

    pk = graphene.Int(required=True)
    product = graphene.Field(ProductType, description="Null once the product is gone.")
    unit_price = graphene.Float(required=True)
    line_total = graphene.Float(required=True)

    def resolve_product(self: OrderItem, info: Any) -> Product | None:
        return related(self, "product", Product.objects.visible_to(caller_of(info)))

    @classmethod
    def get_node(cls, info: Any, id: str) -> OrderItem:
        caller = caller_of(info)
        require(caller, caller.is_authenticated)
        item = OrderItem.objects.visible_to(caller).filter(pk=id_given(id)).first()
        if item is None:
            raise OrderNotFound(f"Order item {id} not found")
        return item


class OrderType(DjangoObjectType):
    class Meta:
        model = Order
        name = "Order"
        description = "What a user ordered, at the prices of that moment."
        fields = ("number", "version")
        interfaces = (relay.Node,)
        connection_class = CountedConnection

    pk = graphene.Int(required=True)
    user_id = graphene.Int(description="Null for a guest's order.")
    user = graphene.Field(UserType)
    status = OrderStatus(required=True)
    total = graphene.Float(required=True)
    created_at = DateTime(required=True)
    items = graphene.List(graphene.NonNull(OrderItemType), required=True)

    def resolve_status(self: Order, info: Any) -> str:
        # A verb leaves a member of Order.Status in the row, and the enum of the schema knows its text alone.
        return str(self.status)

    def resolve_user(self: Order, info: Any) -> User | None:
        return related(self, "user", User.objects.visible_to(caller_of(info)))

    def resolve_items(self: Order, info: Any) -> list[OrderItem]:
        return related(self, "items", OrderItem.objects.order_by("id"))

    @classmethod
    def get_node(cls, info: Any, id: str) -> Order:
        return visible_order(info, id_given(id))


def visible_order(info: Any, pk: int) -> Order:
    """Return an order the caller may see. Raises Unauthenticated, OrderNotFound."""
    caller = caller_of(info)
    require(caller, caller.is_authenticated)
    order = Order.objects.visible_to(caller).filter(pk=pk).first()
    if order is None:
        raise OrderNotFound(f"Order {pk} not found")
    return order


def _orders_of(user: User, info: Any) -> list[Order]:
    return related(user, "orders", Order.objects.visible_to(caller_of(info)).newest_first())


def _order_pages_of(user: User, info: Any, **args: Any) -> CountedConnection:
    part = slice_of(args)
    orders = Order.objects.visible_to(caller_of(info))

    def load(users: Sequence[User]) -> dict[int, Page]:
        pages = pages_by(orders.filter(user__in=users), "user_id", NEWEST_FIRST, part)
        together(order for page in pages.values() for order in page.rows)
        return pages

    page = for_all(user, ("orders", part), load) or Page([], has_next=False, has_previous=False)

    def count() -> int:
        return for_all(user, "order counts", orders.counts_by_user) or 0

    return as_connection(OrderType, page, NEWEST_FIRST, count)


extend(
    UserType,
    orders=graphene.Field(
        graphene.NonNull(graphene.List(graphene.NonNull(OrderType))),
        resolver=_orders_of,
        description="All orders of the user; the newest come first.",
    ),
    orders_connection=ConnectionField(OrderType, resolver=_order_pages_of, description="The same, by pages."),
)


class Query(graphene.ObjectType):
    order = graphene.Field(OrderType, id=graphene.Int(), description="One order, for its owner and staff.")

    def resolve_order(self, info: Any, id: int | None = None) -> Order:
        return visible_order(info, id_given(id))


class OrderItemInput(graphene.InputObjectType):
    """So many units of a product; lines that name the same product are merged."""

    product_id = graphene.Int(required=True)
    quantity = graphene.Int(required=True)


class PlaceOrder(graphene.Mutation):
    """Take the stock and record the order, or do neither."""

    class Arguments:
        items = graphene.List(graphene.NonNull(OrderItemInput), required=True)
        idempotency_key = graphene.String(description="Sent again, it gives the first answer again.")

    ok = graphene.Boolean()
    order = graphene.Field(OrderType)

    def mutate(self, info: Any, items: list[Any], idempotency_key: str | None = None) -> "PlaceOrder":
        actor = caller_of(info)
        require(actor, can_place_orders(actor))
        lines = lines_of(checked(BasketSerializer, {"items": [dict(item) for item in items]}))
        return PlaceOrder(ok=True, order=place_order(actor=actor, lines=lines, key=idempotency_key))


def _move(name: str, action: Callable[..., Order], description: str) -> graphene.Field:
    """Make the mutation of one verb of the transition table."""

    def mutate(root: Any, info: Any, id: int) -> Any:
        return kind(ok=True, order=action(actor=caller_of(info), order_id=id))

    members = {
        "__doc__": description,
        "Arguments": type("Arguments", (), {"id": graphene.Int(required=True)}),
        "ok": graphene.Boolean(),
        "order": graphene.Field(OrderType),
        "mutate": mutate,
    }
    kind: Any = type(name, (graphene.Mutation,), members)
    return kind.Field()


class Mutation(graphene.ObjectType):
    place_order = PlaceOrder.Field()
    cancel_order = _move(
        "CancelOrder", actions.cancel_order, "End an order and give its stock back. For its owner and staff."
    )
    pay_order = _move("PayOrder", actions.pay_order, "Mark an order as paid. For staff.")
    ship_order = _move("ShipOrder", actions.ship_order, "Mark an order as shipped. For staff.")
    deliver_order = _move("DeliverOrder", actions.deliver_order, "Mark an order as delivered. For staff.")
    refund_order = _move(
        "RefundOrder", actions.refund_order, "Mark an order as refunded; the stock stays as it is. For staff."
    )


class OrderUpdate(graphene.ObjectType):
    """What became of an order."""

    order_id = graphene.Int(required=True)
    status = OrderStatus(required=True, description="After this step.")
    kind = graphene.String(required=True, description="placed, or moved to another status.")
    at = DateTime(required=True)
    cursor = graphene.String(required=True, description="The place to follow on from, in any protocol.")
    order = graphene.Field(OrderType, description="As it is by now.")

    def resolve_order(self, info: Any) -> Order | None:
        return Order.objects.visible_to(caller_of(info)).filter(pk=self.order_id).first()


class Subscription(graphene.ObjectType):
    order_updated = graphene.Field(
        OrderUpdate,
        id=graphene.Int(description="Of this order; of every order that you may see when left out."),
        after=graphene.String(description="With a cursor every step since, then live; without one from now on."),
        description="Every step of the caller's orders; of all orders for staff.",
    )

    def subscribe_order_updated(self, info: Any, id: int | None = None, after: str | None = None) -> Source:
        caller = caller_of(info)
        require(caller, caller.is_authenticated)
        if id is not None and not (id and after):
            visible_order(info, id)
        return Source(partial(is_for, caller, id or 0), after)

    def resolve_order_updated(self: Event, info: Any, **_: Any) -> OrderUpdate:
        facts = facts_of(self)
        del facts["timestamp"], facts["user_id"]
        return OrderUpdate(**facts, at=self.at, cursor=self.cursor)
