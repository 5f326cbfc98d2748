"""What all serializers share: strict types, money, and one clear text for each field."""

import re
from collections.abc import Callable, Mapping
from copy import copy
from decimal import ROUND_DOWN, Decimal
from typing import Any, ClassVar

from django.conf import settings
from django.core.validators import EmailValidator
from django.db import models
from rest_framework import serializers
from rest_framework.reverse import reverse
from rest_framework.validators import UniqueValidator

from ecommerce.errors import InvalidInput


class TextField(serializers.CharField):
    """Text, and nothing that merely could be written as text."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


CENT, MAX_DIGITS_CUT = Decimal("0.01"), 20  # more than any amount has
# Python reads more as a number than anybody means: 1_0, other scripts' digits, 1e1 in a text.
WHOLE, DECIMAL = (re.compile(rf"\s*-?{form}\s*", re.ASCII) for form in (r"\d+(\.0*)?", r"(\d+\.?\d*|\.\d+)"))


class WholeNumberField(serializers.IntegerField):
    """An integer, or a text of one; true and false are none. 1.0 and 1e2 are integers, as JSON Schema has it."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or (isinstance(data, str) and not WHOLE.fullmatch(data)):
            self.fail("invalid")
        if isinstance(data, Decimal) and -(2**63) < data < 2**63 and data == int(data):
            data = int(data)
        return super().to_internal_value(data)


class MoneyField(serializers.DecimalField):
    """An amount in major units: read exactly, from a JSON number or its text; written as a number in v1."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs | {"coerce_to_string": False})

    def to_internal_value(self, data: Any) -> Decimal:
        if isinstance(data, bool) or not isinstance(data, int | float | Decimal | str):
            self.fail("invalid")
        if isinstance(data, str) and not DECIMAL.fullmatch(data):
            self.fail("invalid")
        return super().to_internal_value(data)

    def validate_precision(self, value: Decimal) -> Decimal:
        """Pass over zeros at the end: 19.990 is the number that 19.99 is, and other protocols see no difference."""
        _, digits, exponent = value.as_tuple()
        if int(exponent) < -2 and len(digits) <= MAX_DIGITS_CUT and value == (cut := value.quantize(CENT, ROUND_DOWN)):
            value = cut
        return super().validate_precision(value)

    def to_representation(self, value: Any) -> float:
        return float(value)


class MoneyObjectField(MoneyField):
    """An amount with its currency, as v2 has it: `{"amount": "19.99", "currency": "USD"}`."""

    default_error_messages = {"object": "", "currency": ""}  # worded as all are, by the field's name

    def to_internal_value(self, data: Any) -> Decimal:
        if not isinstance(data, dict):
            self.fail("object")
        if data.get("currency") != settings.STORE_CURRENCY:
            self.fail("currency")
        return super().to_internal_value(data.get("amount"))

    def to_representation(self, value: Any) -> dict[str, str]:  # type: ignore[override]
        return money_object(value)


def money_object(amount: Any) -> dict[str, str]:
    return {"amount": f"{amount:.2f}", "currency": settings.STORE_CURRENCY}


NUMBERS = (serializers.IntegerField, serializers.DecimalField)


class ShopSerializer(serializers.Serializer):
    """`labels` names fields in messages where the field's own name does not."""

    labels: ClassVar[dict[str, str]] = {}
    default_error_messages = {"invalid": "An object is expected, not {datatype}"}

    def get_fields(self) -> dict[str, serializers.Field]:
        fields = super().get_fields()
        for name, field in fields.items():
            if not field.read_only:
                _word(field, self.labels.get(name, name.replace("_", " ")))
        return fields


class ListOfObjects(serializers.ListSerializer):
    """A list; in XML an empty one can't be told from an empty text."""

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value([] if data == "" else data)


class ShopModelSerializer(ShopSerializer, serializers.ModelSerializer):
    """A model's fields with the model's validators. Whether a value is taken is for the action to say, and is a 409."""

    serializer_field_mapping = serializers.ModelSerializer.serializer_field_mapping | {
        models.CharField: TextField,
        models.TextField: TextField,
        models.IntegerField: WholeNumberField,
        models.DecimalField: MoneyField,
    }

    def build_standard_field(self, field_name: str, model_field: Any) -> tuple[type, dict[str, Any]]:
        field_class, kwargs = super().build_standard_field(field_name, model_field)
        if "validators" in kwargs:
            kwargs["validators"] = [rule for rule in kwargs["validators"] if not isinstance(rule, UniqueValidator)]
        return field_class, kwargs

    def get_validators(self) -> list[Any]:
        return []


class InMoneyObjects:
    """Put before a serializer: its amounts are objects, as v2 has them."""

    serializer_field_mapping = ShopModelSerializer.serializer_field_mapping | {models.DecimalField: MoneyObjectField}


Kind = type[serializers.Serializer]
_second_versions: dict[Kind, Kind] = {}


def second_version_of(first: Kind) -> Callable[[Kind], Kind]:
    """Mark a serializer as what v2 of REST has in the place of `first`."""

    def marked(second: Kind) -> Kind:
        _second_versions[first] = second
        return second

    return marked


def in_version(version: str, serializer_class: Kind) -> Kind:
    """Return the serializer as that version of REST has it: the same one, where the versions agree."""
    return _second_versions.get(serializer_class, serializer_class) if version == "v2" else serializer_class


def _word(field: serializers.Field, label: str) -> None:
    """Say what is wrong with a field in the shop's words: «Name is required», «Valid price is required»."""
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


def _units_of(field: serializers.Field) -> str:
    return "entries" if isinstance(field, serializers.ListSerializer) else "characters"


def _worded(rule: Any, texts: Mapping[str, str]) -> Any:
    if not (isinstance(rule, EmailValidator) or hasattr(rule, "limit_value")) or rule.code not in texts:
        return rule
    worded = copy(rule)  # the model has the same one
    worded.message = texts[rule.code]
    return worded


class LinksField(serializers.Field):
    """Absolute URLs by name: each name's route takes the object's id as `pk`."""

    def __init__(self, routes: Mapping[str, str]) -> None:
        self.routes = routes
        super().__init__(source="*", read_only=True)

    def to_representation(self, row: Any) -> dict[str, str]:
        request = self.context.get("request")
        return {name: reverse(route, kwargs={"pk": row.pk}, request=request) for name, route in self.routes.items()}


class UrlField(LinksField):
    """One absolute URL."""

    def __init__(self, route: str) -> None:
        super().__init__({"url": route})

    def to_representation(self, row: Any) -> str:  # type: ignore[override]
        return super().to_representation(row)["url"]


def checked(serializer_class: type[serializers.Serializer], data: Any, *, partial: bool = False) -> dict[str, Any]:
    """Return the valid values of what a client sent, whatever the protocol. Raises InvalidInput, one text a field."""
    serializer = serializer_class(data=data, partial=partial)
    if not serializer.is_valid():
        raise InvalidInput(fields=one_text_a_field(serializer.errors))
    return dict(serializer.validated_data)


def one_text_a_field(detail: Any, path: str = "") -> dict[str, str]:
    """Flatten DRF's nested messages: `{"items": [{}, {"quantity": ["..."]}]}` to `{"items[1].quantity": "..."}`."""
    if isinstance(detail, dict):
        texts: dict[str, str] = {}
        for name, inner in detail.items():
            place = f"[{name}]" if isinstance(name, int) else f".{name}"
            texts |= one_text_a_field(inner, (path + place).removeprefix("."))
        return texts
    if isinstance(detail, list) and any(isinstance(inner, dict | list) for inner in detail):
        texts = {}
        for index, inner in enumerate(detail):
            texts |= one_text_a_field(inner, f"{path}[{index}]")
        return texts
    text = str(detail[0]) if isinstance(detail, list) and detail else str(detail or "")
    return {path.removesuffix(".non_field_errors") or "non_field_errors": text} if text else {}
