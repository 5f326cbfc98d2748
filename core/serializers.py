"""The base of all serializers: strict types, money, and one clear message per field."""

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from copy import copy
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import EmailValidator
from django.db import models
from rest_framework import serializers
from rest_framework.reverse import reverse
from rest_framework.validators import UniqueValidator

from core.errors import InvalidInput
from core.rest_framework_internals import declared_fields, field_arguments
from core.text.amounts import without_zeros_past_cents
from core.text.normalization import normalized
from core.validation.plain_input import list_check, object_check
from core.validation.plain_values import NOT_PLAIN, PlainCheck, money_check, text_check, whole_check


class TextField(serializers.CharField):
    """Text. Other types are refused, even if DRF would convert them to text."""

    def to_internal_value(self, data: object) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)

    def plain_check(self) -> PlainCheck | None:
        return text_check(self) if type(self) is TextField else None


class _Normalized(serializers.CharField):
    max_length: int

    def to_internal_value(self, data: Any) -> str:
        return normalized(super().to_internal_value(data), self.max_length)


class NormalizedTextField(_Normalized, TextField):
    """Text in NFKC. `max_length` is required and limits that form."""


class NormalizedEmailText(_Normalized, serializers.EmailField):
    """An e-mail address in NFKC. `max_length` is required and limits that form."""


# Stricter than Python, which also reads these texts as numbers: 1_0, digits of other scripts, 1e1.
WHOLE, DECIMAL = (re.compile(rf"\s*-?{form}\s*", re.ASCII) for form in (r"\d+(\.0*)?", r"(\d+\.?\d*|\.\d+)"))


class WholeNumberField(serializers.IntegerField):
    """An integer, also as text, but no boolean. As in JSON Schema, 1.0 and 1e2 are integers."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or (isinstance(data, str) and not WHOLE.fullmatch(data)):
            self.fail("invalid")
        if isinstance(data, Decimal) and -(2**63) < data < 2**63 and data == int(data):
            data = int(data)
        return super().to_internal_value(data)

    def plain_check(self) -> PlainCheck | None:
        return whole_check(self)


MAJOR_UNITS = "In major units of the shop's currency, two decimals."


class UnixSecondsField(serializers.DateTimeField):
    """A time as whole seconds since 1970."""

    def to_representation(self, value: datetime) -> int:  # type: ignore[override]  # no text
        return int(value.timestamp())


class StrictDecimalField(serializers.DecimalField):
    """A number. It is read exactly, from a JSON number or a text, and written as a number."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "coerce_to_string": False})

    def to_internal_value(self, data: object) -> Decimal:
        if isinstance(data, bool) or not isinstance(data, int | float | Decimal | str):
            self.fail("invalid")
        if isinstance(data, str) and not DECIMAL.fullmatch(data):
            self.fail("invalid")
        return super().to_internal_value(data)

    def validate_precision(self, value: Decimal) -> Decimal:
        return super().validate_precision(without_zeros_past_cents(value))

    def to_representation(self, value: Decimal) -> float:  # type: ignore[override]  # a number, no text
        return float(value)


class MoneyField(StrictDecimalField):
    """An amount in major units, with two decimals."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"help_text": MAJOR_UNITS, **kwargs})

    def plain_check(self) -> PlainCheck | None:
        return money_check(self)


class MoneyObjectField(MoneyField):
    """An amount with its currency, in the form of v2: `{"amount": "19.99", "currency": "USD"}`."""

    default_error_messages = {"object": "", "currency": ""}  # `_word` sets the texts, as for all fields

    def to_internal_value(self, data: object) -> Decimal:
        if not isinstance(data, dict):
            self.fail("object")
        if data.get("currency") != settings.STORE_CURRENCY:
            self.fail("currency")
        return super().to_internal_value(data.get("amount"))

    def plain_check(self) -> PlainCheck | None:
        check = money_check(self)

        def check_object(value: object) -> Any:
            if type(value) is not dict or value.get("currency") != settings.STORE_CURRENCY:
                return NOT_PLAIN
            return check(value.get("amount")) if check else NOT_PLAIN

        return check_object

    def to_representation(self, value: Decimal) -> dict[str, str]:  # type: ignore[override]  # no number
        return money_object(value)


def money_object(amount: Decimal) -> dict[str, str]:
    return {"amount": f"{amount:.2f}", "currency": settings.STORE_CURRENCY}


Validator = Any  # a function or an object of Django or DRF
AnyField = serializers.Field[Any, Any, Any, Any]
SerializerClass = type[serializers.Serializer[Any]]
NUMBERS = (serializers.IntegerField, serializers.DecimalField)


class ShopSerializer(serializers.Serializer[Any]):
    """`labels` maps a field's name to its name in messages, if the two differ."""

    labels: ClassVar[dict[str, str]] = {}
    default_error_messages = {"invalid": "An object is expected"}

    def get_fields(self) -> dict[str, AnyField]:
        fields = super().get_fields()
        for name, field in fields.items():
            if not field.read_only:
                _word(field, self.labels.get(name, name.replace("_", " ")))
        return fields


class ListOfObjects(serializers.ListSerializer[Any]):
    """A list. An empty text is an empty list, because XML can't distinguish the two."""

    default_error_messages = {"not_a_list": "A list is expected"}

    def to_internal_value(self, data: object) -> Any:
        return super().to_internal_value([] if data == "" else data)

    def plain_check(self) -> PlainCheck | None:
        return list_check(self)


class ShopModelSerializer(ShopSerializer, serializers.ModelSerializer[Any]):
    """A model's fields with the model's validators, except uniqueness: the action checks it and raises a 409."""

    serializer_field_mapping = serializers.ModelSerializer.serializer_field_mapping | {
        models.CharField: TextField,
        models.TextField: TextField,
        models.IntegerField: WholeNumberField,
        models.DecimalField: MoneyField,
    }

    def build_standard_field(
        self, field_name: str, model_field: "models.Field[Any, Any]"
    ) -> tuple[type[AnyField], dict[str, object]]:
        field_class, kwargs = super().build_standard_field(field_name, model_field)
        if "validators" in kwargs:
            kwargs["validators"] = [rule for rule in kwargs["validators"] if not isinstance(rule, UniqueValidator)]
        return field_class, kwargs

    def get_validators(self) -> list[Any]:
        return []


_stated: dict[SerializerClass, SerializerClass] = {}


def second_version_of(first: SerializerClass) -> Callable[[SerializerClass], SerializerClass]:
    """Mark the decorated serializer as v2 of `first`. Needed if more than the form of the amounts differs."""

    def marked(second: SerializerClass) -> SerializerClass:
        _stated[first] = second
        return second

    return marked


def in_version(version: str | None, serializer_class: SerializerClass) -> SerializerClass:
    """Return the serializer for a version of REST. In v2 all amounts are objects, those of nested rows too."""
    return _second_version(serializer_class) if version == "v2" else serializer_class


@cache
def _second_version(first: SerializerClass) -> SerializerClass:
    kind = _stated.get(first, first)
    members: dict[str, object] = {name: _in_second_version(field) for name, field in declared_fields(kind).items()}
    if issubclass(kind, serializers.ModelSerializer):
        members["serializer_field_mapping"] = kind.serializer_field_mapping | {models.DecimalField: MoneyObjectField}
    return type(first.__name__, (kind,), members | {"__module__": kind.__module__})


def _in_second_version(field: AnyField) -> AnyField:
    """Make the v2 form of a declared field from its arguments, as DRF does when it copies a field."""
    positional, arguments = field_arguments(field)
    kind: type[AnyField] = type(field)
    if "child" in arguments:
        arguments["child"] = _in_second_version(arguments["child"])
    elif isinstance(field, serializers.Serializer):
        kind = _second_version(type(field))
    elif isinstance(field, MoneyField):
        kind = MoneyObjectField
    return kind(*positional, **arguments)


def _word(field: AnyField, label: str) -> None:
    """Set the shop's error messages for a field: «Name is required», «Valid price is required»."""
    noun = label[:1].upper() + label[1:]
    required, invalid = f"{noun} is required", f"Valid {label} is required"
    number = isinstance(field, NUMBERS)
    texts = dict.fromkeys(("invalid", "min_value", "max_string_length", "invalid_choice"), invalid)
    texts |= dict.fromkeys(("required", "null", "blank"), invalid if number else required)
    texts |= {
        "object": f"{invalid}: an object of amount and currency",
        "currency": f"{invalid}: the currency must be {settings.STORE_CURRENCY}",
        "max_value": f"{invalid}: at most {getattr(field, 'max_value', None)}",
        "max_digits": f"{invalid}: too many digits",
        "max_whole_digits": f"{invalid}: too many digits",
        "max_decimal_places": f"{invalid}: at most {getattr(field, 'decimal_places', None)} decimals",
        "max_length": f"{noun} has at most {getattr(field, 'max_length', None)} {_units_of(field)}",
        "empty": f"{noun} must not be empty",
    }
    field.error_messages |= {key: text for key, text in texts.items() if key in field.error_messages}
    field.validators = [_worded(rule, texts) for rule in field.validators]


def _units_of(field: AnyField) -> str:
    return "entries" if isinstance(field, serializers.ListSerializer) else "characters"


def _worded(rule: Validator, texts: Mapping[str, str]) -> Validator:
    if not (isinstance(rule, EmailValidator) or hasattr(rule, "limit_value")) or rule.code not in texts:
        return rule
    worded = copy(rule)  # the model uses the original
    worded.message = texts[rule.code]
    return worded


class LinksField(AnyField):
    """Absolute URLs by name: each name's route takes the object's id as `pk`."""

    def __init__(self, routes: Mapping[str, str]) -> None:
        self.routes = routes
        super().__init__(source="*", read_only=True)

    def to_representation(self, row: models.Model) -> dict[str, str]:
        request = self.context.get("request")
        return {name: reverse(route, kwargs={"pk": row.pk}, request=request) for name, route in self.routes.items()}


class UrlField(LinksField):
    """One absolute URL."""

    def __init__(self, route: str) -> None:
        super().__init__({"url": route})

    def to_representation(self, row: models.Model) -> str:  # type: ignore[override]  # one URL, no object
        return super().to_representation(row)["url"]


class FileUrlField(serializers.CharField):
    """The public URL of a stored file, or null; the column has the file's name in `folder`."""

    def __init__(self, folder: str, **kwargs: Any) -> None:
        self.folder = folder
        super().__init__(read_only=True, allow_null=True, **kwargs)

    def to_representation(self, value: str) -> str:
        return prefix_of(self.folder) + value


def prefix_of(folder: str) -> str:
    """Return how the URLs of the files in a folder begin."""
    return f"{settings.MEDIA_URL}{folder}"


class Base64Field(TextField):
    """Bytes, written in Base64 (RFC 4648, section 4)."""

    def to_internal_value(self, data: object) -> bytes:  # type: ignore[override]  # bytes, no text
        try:
            return b64decode(super().to_internal_value(data), validate=True)
        except ValueError:
            self.fail("invalid")


def checked(serializer_class: SerializerClass, data: object, *, partial: bool = False) -> dict[str, Any]:
    """Return the validated values of a client's data, in any protocol. Raises InvalidInput, with one text per field."""
    if not partial and (values := plainly_checked(serializer_class, data)) is not None:
        return values
    serializer = serializer_class(data=data, partial=partial)
    if not serializer.is_valid():
        raise InvalidInput(fields=one_text_a_field(serializer.errors))
    return dict(serializer.validated_data)


def plainly_checked(serializer_class: SerializerClass, data: object) -> dict[str, Any] | None:
    """Return the validated values if the data is plainly valid; if None, `checked` has to decide."""
    check = _check_of(serializer_class)
    values: Any = NOT_PLAIN if check is None else check(data)
    return None if values is NOT_PLAIN else values


@cache
def _check_of(serializer_class: SerializerClass) -> PlainCheck | None:
    return object_check(serializer_class())


def one_text_a_field(detail: object, path: str = "") -> dict[str, str]:
    """Flatten DRF's nested messages: `{"items": [{}, {"quantity": ["..."]}]}` to `{"items[1].quantity": "..."}`."""
    if isinstance(detail, dict):
        texts: dict[str, str] = {}
        for name, inner in detail.items():
            step = f"[{name}]" if isinstance(name, int) else f".{name}"
            texts |= one_text_a_field(inner, (path + step).removeprefix("."))
        return texts
    if isinstance(detail, list) and any(isinstance(inner, dict | list) for inner in detail):
        texts = {}
        for index, inner in enumerate(detail):
            texts |= one_text_a_field(inner, f"{path}[{index}]")
        return texts
    text = str(detail[0]) if isinstance(detail, list) and detail else str(detail or "")
    return {path.removesuffix(".non_field_errors") or "non_field_errors": text} if text else {}
