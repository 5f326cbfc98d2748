"""gRPC's standard reflection: what services and messages there are, for staff, and for everybody with DEBUG."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from google.protobuf.message import Message
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import ReflectionServicer

from ecommerce.permissions import is_staff
from ecommerce.rpc.service import Service
from ecommerce.rpc.streams import Exchange


def may_reflect(user: Any) -> bool:
    return settings.DEBUG or is_staff(user)


class ReflectionService(Service):
    descriptor = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]
    rules = {"ServerReflectionInfo": may_reflect}
    names: Iterable[str] = ()

    def ServerReflectionInfo(self, requests: Any, context: Any) -> Exchange:
        servicer = ReflectionServicer(self.names)

        def reply(request: Message) -> Message:
            return next(servicer.ServerReflectionInfo(iter((request,)), context))

        return Exchange(reply=reply)
