"""Model validation as a refusal of the domain."""

from django.core.exceptions import ValidationError
from django.db import models

from ecommerce.errors import InvalidInput

NULL_TEXT = "This field cannot be null."
INFINITE_TEXT = "Enter a whole number."


def clean_fields(instance: models.Model) -> None:
    """Run the field rules of a row about to be written. No queries. Raises InvalidInput with one text a field."""
    texts = _texts_of_what_django_lets_by(instance)
    try:
        instance.clean_fields(exclude=texts)
    except ValidationError as error:
        texts |= {name: " ".join(messages) for name, messages in error.message_dict.items()}
    if texts:
        raise InvalidInput(fields=texts)


def _texts_of_what_django_lets_by(instance: models.Model) -> dict[str, str]:
    """Name the fields with None where an empty text is meant, and the integer fields with an infinite number."""
    texts = {}
    for field in instance._meta.concrete_fields:
        value = getattr(instance, field.attname)
        if value is None and not field.null and not field.primary_key:
            texts[field.name] = NULL_TEXT
        elif isinstance(field, models.IntegerField) and value in (float("inf"), float("-inf")):
            texts[field.name] = INFINITE_TEXT
    return texts
