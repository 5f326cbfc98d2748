"""Model validation as a refusal of the domain."""

from django.core.exceptions import ValidationError
from django.db import models

from ecommerce.errors import InvalidInput


def clean_fields(instance: models.Model) -> None:
    """Run the field rules of a row about to be written. No queries. Raises InvalidInput with one text a field."""
    try:
        instance.clean_fields()
    except ValidationError as error:
        raise InvalidInput(fields={name: " ".join(texts) for name, texts in error.message_dict.items()}) from error
