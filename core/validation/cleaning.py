"""Model validation that raises domain errors."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from core.errors import InvalidInput
from core.validation.plain_values import NOT_PLAIN, PlainCheck, column_check

NULL_TEXT = "This field cannot be null."
INFINITE_TEXT = "Enter a whole number."


def clean_fields(instance: models.Model) -> None:
    """Validate the fields of a row, without queries, before it is written. Raises InvalidInput: one text per field.

    Without queries, so the caller checks that the rows of foreign keys exist.
    """
    texts = _errors_django_misses(instance)
    relations = [field for field in instance._meta.concrete_fields if field.is_relation]
    texts |= _read_ids(instance, relations)
    try:
        instance.clean_fields(exclude={*texts, *(field.name for field in relations)})
    except ValidationError as error:
        texts |= {name: " ".join(messages) for name, messages in error.message_dict.items()}
    if texts:
        raise InvalidInput(fields=texts)


def _read_ids(instance: models.Model, relations: Iterable[Any]) -> dict[str, str]:
    """Convert the ids of foreign keys to their type. Returns the errors."""
    texts = {}
    for field in relations:
        try:
            setattr(instance, field.attname, field.to_python(getattr(instance, field.attname)))
        except ValidationError as error:
            texts[field.attname] = " ".join(error.messages)
    return texts


def clean_values(model: type[models.Model], values: Mapping[str, object]) -> dict[str, Any]:
    """Return the values as the model's fields store them. Raises InvalidInput: one text per field."""
    cleaned, texts = {}, {}
    for name, value in values.items():
        try:
            cleaned[name] = model._meta.get_field(name).clean(value, None)  # type: ignore[union-attr]  # of a column
        except ValidationError as error:
            texts[name] = " ".join(error.messages)
    if texts:
        raise InvalidInput(fields=texts)
    return cleaned


def is_plainly_clean(model: type[models.Model], values: Mapping[str, object]) -> bool:
    """Whether `clean_fields` would accept these values and leave them as they are. Defaults are assumed to be valid.

    False means only that `clean_fields` has to decide.
    """
    checks = _column_checks(model)
    for name, value in values.items():
        check, is_nullable = checks[name]
        if (value is not None or not is_nullable) and check(value) is NOT_PLAIN:
            return False
    return True


@cache
def _column_checks(model: type[models.Model]) -> dict[str, tuple[PlainCheck, bool]]:
    fields = model._meta.concrete_fields
    return {field.attname: (column_check(field) or (lambda value: NOT_PLAIN), field.null) for field in fields}


def _errors_django_misses(instance: models.Model) -> dict[str, str]:
    """Return errors that Django misses: None in a field that is not nullable, infinity in an integer field."""
    texts = {}
    for field in instance._meta.concrete_fields:
        value = getattr(instance, field.attname)
        if value is None and not field.null and not field.primary_key:
            texts[field.name] = NULL_TEXT
        elif isinstance(field, models.IntegerField) and value in (float("inf"), float("-inf")):
            texts[field.name] = INFINITE_TEXT
    return texts
