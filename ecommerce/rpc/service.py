"""The base of all services."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import grpc
from django.db import models
from django_grpc_framework.generics import GenericService
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from ecommerce.budgets import Budget
from ecommerce.callers import Caller, counted_caller_of
from ecommerce.errors import NotFound
from ecommerce.permissions import require
from ecommerce.rpc.errors import GONE, ClientGone
from ecommerce.rpc.methods import Collecting, Method
from ecommerce.rpc.streams import Live, Watching
from ecommerce.rpc.unary import Unary

Rule = Callable[[Any], bool]
# By whether the client, and whether the server, sends a stream.
KINDS: Mapping[tuple[bool, bool], type[Method]] = {
    (False, False): Unary,
    (True, False): Collecting,
    (False, True): Watching,
    (True, True): Live,
}


class Service(GenericService):
    """`descriptor` is the service in its .proto file, and each method there a method of the class.

    `rules` maps a method to who may; what it leaves out is open. The caller is known and asked for before the first
    message is looked at. `queryset` is read through `visible_to`; a row that is not there is `not_found`.
    `web_sockets` maps a method that streams both ways to its place for those who can't do so: browsers.
    """

    descriptor: ClassVar[ServiceDescriptor]
    rules: ClassVar[Mapping[str, Rule]] = {}
    not_found: ClassVar[type[NotFound]] = NotFound
    web_sockets: ClassVar[Mapping[str, str]] = {}

    action: str
    caller: Any
    identity: Caller  # the caller, and until when
    budget: Budget | None = None  # what is left of it, once the call is counted
    metadata: Mapping[str, str]
    address: str

    @classmethod
    def as_servicer(cls, **initkwargs: Any) -> "Servicer":
        super().as_servicer(**initkwargs)  # its checks
        return Servicer(cls, initkwargs)

    def enter(self) -> None:
        """Name the caller, count the request, ask the rule."""
        self.identity = counted_caller_of(self.metadata, self.address)
        self.caller, self.budget = self.identity.user, self.identity.budget
        rule = self.rules.get(self.action)
        if rule is not None:
            require(self.caller, rule(self.caller))

    def get_queryset(self) -> models.QuerySet[Any]:
        return super().get_queryset().visible_to(self.caller)

    def get_object(self) -> Any:
        """Return the row that the request's `id` names. Raises the service's `not_found`."""
        return self.row_of(self.get_queryset(), self.request.id, self.not_found)

    @staticmethod
    def row_of(queryset: models.QuerySet[Any], pk: int, not_found: type[NotFound]) -> Any:
        row = queryset.filter(pk=pk).first()
        if row is None:
            raise not_found(f"{queryset.model.__name__} {pk} not found")
        return row

    def check_is_awaited(self) -> None:
        """Raise ClientGone when nobody waits for the answer any more."""
        if not self.context.is_active():
            raise ClientGone(GONE)


class Servicer:
    """What grpcio's generated code calls a servicer: each method of the service as an attribute."""

    def __init__(self, service_class: type[Service], initkwargs: Mapping[str, Any]) -> None:
        for method in service_class.descriptor.methods:
            setattr(self, method.name, _method_of(service_class, initkwargs, method))


def _method_of(service_class: type[Service], initkwargs: Mapping[str, Any], method: MethodDescriptor) -> Method:
    return KINDS[method.client_streaming, method.server_streaming](service_class, initkwargs, method)


def register(server: Any, *service_classes: type[Service]) -> None:
    """Add services to a grpcio server, each under the name that it has in its .proto file."""
    for service_class in service_classes:
        name = service_class.descriptor.full_name
        handlers = {path: method.handler() for path, method in vars(service_class.as_servicer()).items()}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
        server.add_registered_method_handlers(name, handlers)
