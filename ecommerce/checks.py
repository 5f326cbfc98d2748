"""System checks of the shop."""

from typing import Any

from django.conf import settings
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


@register()
def v1_ends_after_it_is_deprecated(**kwargs: Any) -> list[CheckMessage]:
    """One error for a Sunset without a Deprecation, or before it (RFC 8594 and RFC 9745, 4)."""
    deprecated_on, sunset_on = settings.V1_DEPRECATED_ON, settings.V1_SUNSET_ON
    if sunset_on is None or (deprecated_on is not None and deprecated_on <= sunset_on):
        return []
    return [Error("V1_SUNSET_ON needs a V1_DEPRECATED_ON that is not after it.", id="ecommerce.E002")]
