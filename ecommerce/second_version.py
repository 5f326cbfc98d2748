"""The gRPC services of package `ecommerce.v2`: those of `ecommerce`, with types for money, moments and enums.

Each method translates its messages field by field, by name, and calls the method of the first version: so there is one
place for each rule. A field without a counterpart fails when the process starts.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from functools import cache, partial, wraps
from typing import Any

from django.conf import settings
from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from core.errors import BadParameters, InvalidInput, TooLarge
from core.protocols.rpc.pages import MAX_BYTES
from core.protocols.rpc.service import Service
from core.protocols.rpc.stream_spec import StreamSpec
from protos.v2 import shop_pb2

NANOS = 1_000_000_000
MONEY, MOMENT = "ecommerce.v2.Money", "google.protobuf.Timestamp"
MessageClass = type[Message]
Convert = Callable[[Any], Any]
ServiceClass = type[Service]


def second_version(service: ServiceClass) -> ServiceClass:
    """Derive the service of the same name in `ecommerce.v2`."""
    descriptor: ServiceDescriptor = shop_pb2.DESCRIPTOR.services_by_name[service.descriptor.name]
    if {*service.descriptor.methods_by_name} != {*descriptor.methods_by_name}:
        raise TypeError(f"{service.descriptor.full_name} and {descriptor.full_name} have other methods")
    methods = {method.name: _method(service, method) for method in descriptor.methods}
    return type(f"{service.__name__}V2", (service,), {"descriptor": descriptor, **methods})


def _method(service: ServiceClass, descriptor: Any) -> Callable[..., Any]:
    first = service.descriptor.methods_by_name[descriptor.name]
    sent, output = GetMessageClass(first.input_type), GetMessageClass(descriptor.output_type)
    for source, target in ((descriptor.input_type, first.input_type), (first.output_type, descriptor.output_type)):
        _fields(source, target)  # raises for a field without a counterpart
    function = getattr(service, descriptor.name)

    @wraps(function)  # its rule too
    def method(self: Any, request: Any, context: Any) -> Any:
        if descriptor.client_streaming:
            # A row that can't be translated fails alone, like any other invalid row.
            request = request if descriptor.server_streaming else (_valid_part(row, sent) for row in request)
        else:
            self.request = request = translated(request, sent)
        answer = function(self, request, context)
        if isinstance(answer, StreamSpec):
            return _translating(answer, sent, output)
        response = translated(answer, output)
        if response.ByteSize() > MAX_BYTES:  # the first version has measured its own, shorter messages
            raise TooLarge(f"The response is longer than {MAX_BYTES} bytes: ask for fewer rows")
        return response

    return method


def _translating(spec: StreamSpec, sent: MessageClass, output: Any) -> StreamSpec:
    def reply(message: Message) -> Message | None:
        answer = spec.reply(translated(message, target=sent))
        return None if answer is None else translated(answer, target=output)

    def refused(message: Message, refusal: Any) -> Message:
        return translated(spec.refused(_valid_part(message, sent), refusal), target=output)

    return replace(spec, write=_writer(spec.write, output), reply=reply, refused=refused)


@cache
def _writer(write: Callable[[Any], Message], output: Any) -> Callable[[Any], Message]:
    """Return the same function for the same arguments: streams share the message that it makes of an event."""
    return lambda event: translated(write(event), target=output)


# -- Messages ---------------------------------------------------------------------------------------------------
def translated(message: Message, target: MessageClass) -> Message:
    """Return the message of class `target` with the same facts. Raises InvalidInput that names all wrong fields."""
    return target(**_values(message, target.DESCRIPTOR))


def _valid_part(message: Message, target: MessageClass) -> Message:
    """Return the message with the fields that can be translated."""
    values, _ = _read(message, target.DESCRIPTOR)
    return target(**values)


def _values(message: Message, target: Any) -> dict[str, Any]:
    values, bad = _read(message, target)
    bad.check()
    return values


def _read(message: Any, target: Any) -> tuple[dict[str, Any], BadParameters]:
    values: dict[str, Any] = {}
    bad = BadParameters()
    for name, has_presence, is_message, convert in _fields(message.DESCRIPTOR, target):
        value = getattr(message, name)
        # A message that means nothing stays unset, as the price of a deleted product.
        if message.HasField(name) if has_presence else value or not is_message:
            with bad:
                values[name] = convert(value)
    return values, bad


@cache
def _fields(source: Any, target: Any) -> list[tuple[str, bool, bool, Convert]]:
    """Return each field: its name, whether the source knows if it is set, whether it becomes a message, its converter.

    Raises TypeError for a field without a counterpart.
    """
    if {*source.fields_by_name} != {*target.fields_by_name}:
        raise TypeError(f"{source.full_name} and {target.full_name} have other fields")
    return [
        (
            field.name,
            field.has_presence,
            target.fields_by_name[field.name].message_type is not None,
            _converter(field, target.fields_by_name[field.name]),
        )
        for field in source.fields
    ]


def _converter(source: FieldDescriptor, target: FieldDescriptor) -> Convert:
    if source.message_type is not None and source.message_type.GetOptions().map_entry:
        return dict
    convert = _one(source, target)
    return partial(_each, convert) if source.is_repeated else convert


def _each(convert: Convert, values: Iterable[Any]) -> list[Any]:
    return [convert(value) for value in values]


def _one(source: FieldDescriptor, target: FieldDescriptor) -> Convert:
    kinds = _kind(source), _kind(target)
    if kinds == (MONEY, "double"):
        return partial(_amount_of, source.name)
    if kinds == ("double", MONEY):
        return _money_of
    if kinds == ("int64", MOMENT):
        return _moment_of
    if kinds == (MOMENT, "int64"):
        return _seconds_of
    if source.enum_type is not None and kinds[1] == "string":
        return partial(_word_of, source.enum_type, source.name)
    if target.enum_type is not None and kinds[0] == "string":
        return partial(_number_of, target.enum_type)
    if source.message_type is not None and target.message_type is not None:
        _fields(source.message_type, target.message_type)
        return partial(_values, target=target.message_type)
    if source.type != target.type:
        raise TypeError(f"{source.full_name} has no counterpart in {target.full_name}")
    return _as_it_is


def _kind(field: FieldDescriptor) -> str:
    named = field.message_type or field.enum_type
    scalars = {FieldDescriptor.TYPE_DOUBLE: "double", FieldDescriptor.TYPE_INT64: "int64"}
    name: str = named.full_name if named is not None else scalars.get(field.type, "string")
    return name


def _as_it_is(value: object) -> object:
    return value


# -- Values -----------------------------------------------------------------------------------------------------
def _money_of(amount: float) -> dict[str, object]:
    units, nanos = divmod(int(Decimal(str(amount)) * NANOS), NANOS)
    return {"currency_code": settings.STORE_CURRENCY, "units": units, "nanos": nanos}


def _amount_of(name: str, money: Any) -> float:
    if money.currency_code not in ("", settings.STORE_CURRENCY):
        raise InvalidInput(fields={name: f"The currency is {settings.STORE_CURRENCY}"})
    if money.units * money.nanos < 0 or abs(money.nanos) >= NANOS:
        raise InvalidInput(fields={name: "units and nanos do not fit together"})
    return float(money.units + Decimal(money.nanos) / NANOS)


def _moment_of(seconds: int) -> dict[str, int]:
    return {"seconds": seconds}


def _seconds_of(moment: Any) -> int:
    seconds: int = moment.seconds
    return seconds


def _prefix(kind: EnumDescriptor) -> str:
    """Return how the names of the values begin: ORDER_STATUS_, as buf demands."""
    name: str = kind.values_by_number[0].name
    return name.removesuffix("UNSPECIFIED")


def _word_of(kind: EnumDescriptor, name: str, number: int) -> str:
    value = kind.values_by_number.get(number)
    if value is None:
        raise InvalidInput(fields={name: f"{number} is not a value of {kind.name}"})
    return str(value.name).removeprefix(_prefix(kind)).lower() if number else ""


def _number_of(kind: EnumDescriptor, word: str) -> int:
    number: int = kind.values_by_name[_prefix(kind) + word.upper()].number if word else 0
    return number
