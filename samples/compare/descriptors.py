"""The descriptors of gRPC services as JSON, for the explorer on the front page and its reader of protobuf."""

from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.rpc import error_details_pb2, status_pb2

DETAILS = ("BadRequest", "ErrorInfo", "RetryInfo", "Help", "LocalizedMessage", "ResourceInfo", "PreconditionFailure")


def descriptors_of(services: Iterable[ServiceDescriptor]) -> dict[str, Any]:
    """Return the methods of the services, and all messages and enums that they and errors use."""
    methods = [method for service in services for method in service.methods]
    details = [error_details_pb2.DESCRIPTOR.message_types_by_name[name] for name in DETAILS]
    roots = [kind for method in methods for kind in (method.input_type, method.output_type)]
    messages = _reachable([*roots, status_pb2.Status.DESCRIPTOR, *details])
    enums = {
        field.enum_type.full_name: field.enum_type for kind in messages for field in kind.fields if field.enum_type
    }
    return {
        "methods": [_method(method) for method in methods],
        "messages": {kind.full_name: [_field(field) for field in kind.fields] for kind in messages},
        "enums": {name: _values(enum) for name, enum in enums.items()},
    }


def _reachable(roots: list[Descriptor]) -> list[Descriptor]:
    found: dict[str, Descriptor] = {}
    waiting = list(roots)
    while waiting:
        kind = waiting.pop()
        if kind.full_name not in found:
            found[kind.full_name] = kind
            waiting += _members(kind)
    return [found[name] for name in sorted(found)]


def _members(kind: Descriptor) -> Iterator[Descriptor]:
    return (field.message_type for field in kind.fields if field.message_type)


def _method(method: MethodDescriptor) -> dict[str, Any]:
    return {
        "path": f"/{method.containing_service.full_name}/{method.name}",
        "file": method.containing_service.file.name,
        "input": method.input_type.full_name,
        "output": method.output_type.full_name,
        "clientStreams": method.client_streaming,
        "serverStreams": method.server_streaming,
    }


def _field(field: FieldDescriptor) -> dict[str, Any]:
    kind = field.message_type or field.enum_type
    facts = {
        "name": field.name,
        "number": field.number,
        "type": _type_name(field),
        "kind": kind.full_name if kind else None,
        "repeated": field.is_repeated,
        "optional": field.has_presence and not field.message_type,
        "map": bool(field.message_type and field.message_type.GetOptions().map_entry),
    }
    return {name: value for name, value in facts.items() if value not in (None, False)}


_TYPES = {value: name for name, value in vars(FieldDescriptor).items() if name.startswith("TYPE_")}


def _type_name(field: FieldDescriptor) -> str:
    """Return the type as .proto files write it: `int32`, `message`."""
    return _TYPES[field.type].removeprefix("TYPE_").lower()


def _values(enum: EnumDescriptor) -> dict[str, int]:
    return {value.name: value.number for value in enum.values}
