"""The base class of all services."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, ClassVar, TypeVar

import grpc
from django_grpc_framework.generics import GenericService
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from core.actors import Actor
from core.budgets import Budget
from core.callers import Caller, caller_of, counted_caller_of
from core.lists.filters import Filtering, ShopFilterSet, filtering_of
from core.permissions import Rule, anyone, require
from core.plans.parents import Parent
from core.plans.plan import plan_of
from core.plans.reads import Reads
from core.protocols.rpc.errors import GONE
from core.protocols.rpc.messages import MessageSerializer
from core.protocols.rpc.methods import ClientStreaming, Method
from core.protocols.rpc.pages import CompiledRows, ListedRows, QuerysetRows, filters_in, found_by, is_filtered
from core.protocols.rpc.streams import BidiStreaming, ServerStreaming
from core.protocols.rpc.unary import Unary
from core.rates import limits
from core.server.bodies import ClientGone

MessageOf = TypeVar("MessageOf", bound=Message)
MESSAGES_A_REQUEST = 500
# The key: (the client sends a stream, the server sends a stream).
METHOD_CLASSES: Mapping[tuple[bool, bool], type[Method]] = {
    (False, False): Unary,
    (True, False): ClientStreaming,
    (False, True): ServerStreaming,
    (True, True): BidiStreaming,
}


class Service(GenericService):
    """`descriptor` is the service in its .proto file; the class implements each of its methods.

    `guarded_by` gives a method its rule about the caller. If a method has no rule, only the readers of `queryset` may
    call it. The caller is authenticated and authorized before the first message is read. `visible_to` limits `queryset`
    to rows that the caller may see. `web_sockets` maps a bidirectional method to its WebSocket path, which
    browsers use.
    """

    descriptor: ClassVar[ServiceDescriptor]
    web_sockets: ClassVar[Mapping[str, str]] = {}

    action: str
    serializer_class: type[MessageSerializer]
    caller: Actor
    caller_id: int | None = None  # of a signed-in caller, once the call is authenticated
    identity: Caller  # the caller, with the expiry of the token
    budget: Budget | None = None  # the caller's remaining budget, once the call is counted
    metadata: Mapping[str, str]
    address: str

    @classmethod
    def as_servicer(cls, **initkwargs: object) -> "Servicer":
        super().as_servicer(**initkwargs)  # checks the arguments
        return Servicer(cls, initkwargs)

    def enter(self) -> None:
        """Authenticate the caller, count the request, check the rule."""
        self._authorize(counted_caller_of(self.metadata, self.address))
        self.budget = self.identity.budget

    def reauthorize(self) -> None:
        """Authenticate the caller and check the rule again: a stream of messages may outlast the caller's rights."""
        self._authorize(caller_of(self.metadata, self.address))

    def counted(self, messages: Iterable[MessageOf]) -> Iterator[MessageOf]:
        """Yield the messages, and count one request for every MESSAGES_A_REQUEST of them.

        `enter` has counted the first request.
        """
        for number, message in enumerate(messages):
            if number and number % MESSAGES_A_REQUEST == 0:
                self.budget = limits.spend_request(user_id=self.caller.pk, address=self.address)
            yield message

    def _authorize(self, identity: Caller) -> None:
        self.identity, self.caller, self.caller_id = identity, identity.user, identity.user.pk
        require(self.caller, self.rule())

    def rule(self) -> Rule:
        """Return the rule of the called method."""
        service_class: Any = type(self)
        return _rule_of(service_class, self.action)

    def get_queryset(self) -> Any:
        return super().get_queryset().visible_to(self.caller)

    def get_object(self) -> Any:
        """Return the row with the request's `id`. Raises the `not_found` of the queryset."""
        return self.get_queryset().existing(self.request.id)

    def found(self) -> dict[str, Any]:
        """Return the row with the request's `id`, as the values of its message. Raises `not_found`."""
        reads, message = self._reads(), self.serializer_class
        if reads is None:
            return message.values_of_objects([self.get_object()])[0]
        row = reads.row(self.caller, self.request.id)
        if row is None:
            raise self.queryset.missing(self.request.id)
        return message.values_of_tuples([row])[0]

    def listed(
        self, filterset: type[ShopFilterSet] | None = None, parent: Parent | None = None, parent_id: int = 0
    ) -> ListedRows:
        """Return the rows of `queryset` that match the request's filters; with a parent, only those that belong to it.

        Raises InvalidInput if a filter is invalid.
        """
        reads, message, filtering = self._reads(parent), self.serializer_class, Filtering()
        if filterset is not None and is_filtered(filterset, self.request):
            found = None if reads is None else filtering_of(filterset, filters_in(filterset, self.request))
            if reads is None or found is None:
                return QuerysetRows(found_by(filterset, self.request, self._below(parent, parent_id)), message)
            filtering = found
        if reads is None:
            return QuerysetRows(self._below(parent, parent_id), message)
        if filtering.conditions or parent:
            reads = reads.where(filtering, parent=parent_id)
        return CompiledRows(reads, message, self.caller)

    def _below(self, parent: Parent | None, pk: int) -> Any:
        rows = self.get_queryset()
        return rows if parent is None else parent.below(rows, pk)

    def _reads(self, parent: Parent | None = None) -> Reads | None:
        message: Any = self.serializer_class
        return reads_of(self.queryset, message, parent)

    def check_is_awaited(self) -> None:
        """Raise ClientGone if the client no longer waits for the response."""
        if not self.context.is_active():
            raise ClientGone(GONE)


@cache
def _rule_of(service_class: Any, action: str) -> Rule:
    default = anyone if service_class.queryset is None else service_class.queryset.readers
    rule: Rule = getattr(getattr(service_class, action), "rule", default)
    return rule


@cache
def reads_of(queryset: Any, message: object, parent: Parent | None = None) -> Reads | None:
    """Return the compiled reads of a service's queryset, or None if its messages have no plan."""
    plan = plan_of(message)
    return None if plan is None else Reads(parent.below(queryset) if parent else queryset, plan.columns)


class Servicer:
    """A servicer for grpcio's generated code: it has each method of the service as an attribute."""

    def __init__(self, service_class: type[Service], initkwargs: Mapping[str, Any]) -> None:
        for method in service_class.descriptor.methods:
            setattr(self, method.name, _method_of(service_class, initkwargs, method))


def _method_of(service_class: type[Service], initkwargs: Mapping[str, object], method: MethodDescriptor) -> Method:
    return METHOD_CLASSES[method.client_streaming, method.server_streaming](service_class, initkwargs, method)


def add_services(server: Any, *service_classes: type[Service]) -> None:
    """Add services to a grpcio server, each under its name in the .proto file."""
    for service_class in service_classes:
        name = service_class.descriptor.full_name
        handlers = {path: method.handler() for path, method in vars(service_class.as_servicer()).items()}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
        server.add_registered_method_handlers(name, handlers)
