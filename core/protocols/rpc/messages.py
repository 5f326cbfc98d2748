"""Protobuf messages from the shared serializers."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from functools import cache
from math import isfinite, isnan
from typing import Any, NoReturn

from django.db import models
from django_grpc_framework.proto_serializers import ProtoSerializer
from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rest_framework import serializers

from core.plans.plan import ReadPlan, plan_of
from core.plans.statements import Row
from core.serializers import AnyField, UnixSecondsField


class MessageSerializer(ProtoSerializer):
    """A base class to put before a shared serializer; Meta names the message:

        class ProductMessage(MessageSerializer, ProductSerializer):
            class Meta(ProductSerializer.Meta):
                proto_class = product_pb2.Product

    Fields of the serializer that the message does not have are left out.
    """

    def get_fields(self) -> dict[str, AnyField]:
        known = self.Meta.proto_class.DESCRIPTOR.fields_by_name
        return {name: _as_in_proto(field) for name, field in super().get_fields().items() if name in known}

    def message_to_data(self, message: Message) -> dict[str, object]:
        return data_of(message)

    def data_to_message(self, data: dict[str, object]) -> Message:
        # Ten times as fast as the framework, which converts through JSON. None leaves a field unset.
        message: Message = self.Meta.proto_class(**data)
        return message

    @classmethod
    def of(cls, row: models.Model) -> Any:
        """Return the message of a row."""
        return cls.Meta.proto_class(**cls.values_of_objects([row])[0])

    @classmethod
    def values_of_objects(cls, rows: Sequence[models.Model]) -> list[dict[str, Any]]:
        """Return the values of each row's message; protobuf accepts them unchanged, those of nested messages too."""
        plan = cls._plan()
        if plan is not None:
            return plan.from_objects(rows, _no_links)
        writer = cls()
        return [writer.to_representation(row) for row in rows]

    @classmethod
    def _plan(cls) -> ReadPlan | None:
        kind: Any = cls
        return plan_of(kind)

    @classmethod
    def values_of_tuples(cls, tuples: Sequence[Row]) -> list[dict[str, Any]]:
        """Return the same values as `values_of_objects`, from tuples with the plan's columns instead of objects."""
        plan = cls._plan()
        assert plan is not None, "Without a plan, no tuples are read"  # noqa: S101
        return plan.from_tuples(tuples, _no_links)


def _no_links(route: str) -> NoReturn:
    raise NotImplementedError(f"A message has no link to {route}")


def _as_in_proto(field: AnyField) -> AnyField:
    is_moment = isinstance(field, serializers.DateTimeField)
    return UnixSecondsField(read_only=True) if is_moment else field


def data_of(message: Message) -> dict[str, object]:
    """Return the client's message as data for a serializer, without the `optional` fields that are not set."""
    read = reader_of(message.DESCRIPTOR)
    data: dict[str, Any] = read(message) if read else json_data_of(message)
    return data


def json_data_of(message: Message) -> Any:
    return MessageToDict(message, always_print_fields_with_no_presence=True, preserving_proto_field_name=True)


Read = Callable[[Any], Any]
_AS_THEY_ARE = (Field.CPPTYPE_BOOL, Field.CPPTYPE_INT32, Field.CPPTYPE_UINT32)


@cache
def reader_of(descriptor: Any) -> Read | None:
    """Return a faster `json_data_of` for one kind of message.

    Returns None if the message has a field that this module does not convert, for example a map.
    """
    fields: list[tuple[str, bool, Read]] = []
    for field in descriptor.fields:
        read = _field_reader(field)
        if read is None:
            return None
        fields.append((field.name, field.has_presence, read))

    def read_message(message: Any) -> dict[str, Any]:
        return {
            name: read(getattr(message, name))
            for name, is_optional, read in fields
            if not is_optional or message.HasField(name)
        }

    return read_message


def _field_reader(field: Any) -> Read | None:
    read: Read | None = None
    if field.cpp_type in _AS_THEY_ARE or field.type == Field.TYPE_STRING:
        read = _as_it_is
    elif field.cpp_type in (Field.CPPTYPE_INT64, Field.CPPTYPE_UINT64):
        read = str
    elif field.type == Field.TYPE_DOUBLE:
        read = _finite_or_text
    elif field.type == Field.TYPE_BYTES:
        read = _base64
    elif field.type == Field.TYPE_ENUM:
        read = _enum_reader({value.number: value.name for value in field.enum_type.values})
    elif field.type == Field.TYPE_MESSAGE and not field.message_type.GetOptions().map_entry:
        read = _message_reader(field.message_type)
    return _list_reader(read) if read and field.is_repeated else read


def _list_reader(read: Read) -> Read:
    return lambda values: [read(value) for value in values]


def _message_reader(descriptor: Any) -> Read | None:
    is_well_known = descriptor.full_name.startswith("google.")  # with a JSON form of its own
    return None if is_well_known else reader_of(descriptor)


def _enum_reader(names: dict[int, str]) -> Read:
    """Return a function that returns the name of a value, or its number if this version does not know it."""
    return lambda number: names.get(number, number)


def _as_it_is(value: object) -> Any:
    return value


def _base64(value: bytes) -> str:
    return b64encode(value).decode()


def _finite_or_text(value: float) -> float | str:
    if isfinite(value):
        return value
    return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
