"""System checks of the shop."""

from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register
from django.db import DatabaseError

from ecommerce import triggers


@register()
def triggers_are_there(**kwargs: Any) -> list[CheckMessage]:
    """One error for each missing trigger; a database that does not answer gets a warning."""
    try:
        gone = triggers.missing()
    except DatabaseError as error:
        return [Warning(f"The database did not answer, its triggers are unchecked: {error}", id="ecommerce.W001")]
    hint = "Run `python manage.py installtriggers`."
    return [Error(f"The database trigger {name} is missing.", hint=hint, id="ecommerce.E001") for name in gone]
