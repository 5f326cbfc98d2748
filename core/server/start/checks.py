"""System checks of the shop."""

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import DatabaseError

from core import triggers


@register()
def triggers_exist(**kwargs: object) -> list[CheckMessage]:
    """Return an error for each missing trigger, or a warning if the database does not answer."""
    try:
        missing = triggers.missing()
    except DatabaseError as error:
        return [Warning(f"The database did not answer; its triggers were not checked: {error}", id="ecommerce.W001")]
    hint = "Run `python manage.py installtriggers`."
    return [Error(f"The database trigger {name} is missing.", hint=hint, id="ecommerce.E001") for name in missing]


@register()
def v1_ends_after_it_is_deprecated(**kwargs: object) -> list[CheckMessage]:
    """Return an error if Sunset is set without Deprecation, or is before it (RFC 8594 and RFC 9745, 4)."""
    deprecated_on, sunset_on = settings.V1_DEPRECATED_ON, settings.V1_SUNSET_ON
    if sunset_on is None or (deprecated_on is not None and deprecated_on <= sunset_on):
        return []
    return [Error("V1_SUNSET_ON needs a V1_DEPRECATED_ON on the same day or before.", id="ecommerce.E002")]
