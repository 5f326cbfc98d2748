"""gRPC's standard reflection service, which lists services and messages. For staff only, unless a setting opens it."""

from collections.abc import Iterable

from django.conf import settings
from google.protobuf import descriptor_pb2, descriptor_pool, text_format
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import ReflectionServicer

from core.actors import Actor
from core.permissions import guarded_by, is_staff
from core.protocols.rpc.caller import CallContext
from core.protocols.rpc.service import Service
from core.protocols.rpc.stream_spec import StreamSpec

OPEN = "open"  # value of GRPC_REFLECTION; any other value means staff only


def may_reflect(user: Actor) -> bool:
    return settings.DEBUG or settings.GRPC_REFLECTION == OPEN or is_staff(user)


def _version_1() -> FileDescriptor:
    """Add v1 to the descriptor pool. grpcio-reflection lacks it; it is v1alpha under another package name."""
    proto_class: type[Message] = descriptor_pb2.FileDescriptorProto  # type: ignore[attr-defined]  # made at runtime
    alpha = proto_class()
    reflection_pb2.DESCRIPTOR.CopyToProto(alpha)
    renamed = text_format.MessageToString(alpha).replace("v1alpha", "v1")
    file = text_format.Parse(renamed, proto_class())
    file.name = "grpc/reflection/v1/reflection.proto"
    file.options.ClearField("deprecated")
    added: FileDescriptor = descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
    return added


class ReflectionV1Alpha(Service):
    descriptor = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"]
    names: Iterable[str] = ()

    @guarded_by(may_reflect)
    def ServerReflectionInfo(self, requests: object, context: CallContext) -> StreamSpec:
        servicer = ReflectionServicer(self.names)
        answer_class = GetMessageClass(self.descriptor.methods_by_name["ServerReflectionInfo"].output_type)

        def reply(request: Message) -> Message:
            # grpcio's servicer knows the messages of v1alpha; those of v1 are the same on the wire.
            asked = reflection_pb2.ServerReflectionRequest.FromString(request.SerializeToString())
            answer = next(servicer.ServerReflectionInfo(iter((asked,)), context))
            message: Message = answer_class.FromString(answer.SerializeToString())
            return message

        return StreamSpec(reply=reply)


class ReflectionV1(ReflectionV1Alpha):
    descriptor = _version_1().services_by_name["ServerReflection"]


REFLECTION = (ReflectionV1, ReflectionV1Alpha)
