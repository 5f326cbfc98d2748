"""Checks of plainly valid input, many times faster than a serializer's own.

A field may have a method `plain_check`. It returns the check, which is a function, or None. The check returns the
validated value, or NOT_PLAIN. NOT_PLAIN does not mean invalid: the serializer then checks the input itself, and writes
the error messages. So a check only has to handle the common case. If it accepts a value, it returns exactly the same as
the serializer.
"""

from typing import Any, NamedTuple

from rest_framework import serializers
from rest_framework.fields import empty

from core.validation.plain_values import NOT_PLAIN, PlainCheck


class _PlainField(NamedTuple):
    name: str
    check: PlainCheck
    is_required: bool
    allows_null: bool


def object_check(serializer: object) -> PlainCheck | None:
    """Return the check of an object, or None if the serializer does more than check each field."""
    fields = _plain_fields(serializer)
    if fields is None:
        return None

    def check_object(data: object) -> Any:
        if type(data) is not dict:
            return NOT_PLAIN
        values = {}
        for name, check, is_required, allows_null in fields:
            if name in data:
                value = data[name]
                if value is not None or not allows_null:
                    value = check(value)
                    if value is NOT_PLAIN:
                        return NOT_PLAIN
                values[name] = value
            elif is_required:
                return NOT_PLAIN
        return values

    return check_object


def _plain_fields(serializer: Any) -> list[_PlainField] | None:
    kind = type(serializer)
    own = (serializers.Serializer.to_internal_value, serializers.Serializer.validate)
    if (kind.to_internal_value, kind.validate) != own or serializer.get_validators():
        return None
    fields = []
    for name, field in serializer.fields.items():
        if field.read_only:
            continue
        is_special = field.source != name or field.default is not empty or hasattr(kind, f"validate_{name}")
        check = None if is_special or not hasattr(field, "plain_check") else field.plain_check()
        if check is None:
            return None
        fields.append(_PlainField(name, check, field.required, field.allow_null))
    return fields


def list_check(field: Any) -> PlainCheck | None:
    """Return the check of a list of objects."""
    check, most = object_check(field.child), field.max_length
    if check is None or field.validators or field.allow_empty or field.min_length is not None or most is None:
        return None

    def check_list(data: object) -> Any:
        if type(data) is not list or not 0 < len(data) <= most:
            return NOT_PLAIN
        values = [check(each) for each in data]
        return NOT_PLAIN if NOT_PLAIN in values else values

    return check_list
