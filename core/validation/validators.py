"""Rules for fields, so that both databases accept the same values. Each database alone would accept more."""

import re
from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.utils.deconstruct import deconstructible

MAX_INT32 = 2**31 - 1


@deconstructible
class ProhibitSurrogates:
    """Refuses lone surrogates: Python can hold them, but UTF-8 (RFC 3629, section 3), and so the databases, can't."""

    message = "Surrogate characters are not allowed."
    code = "surrogates_not_allowed"

    def __call__(self, value: str) -> None:
        if re.search("[\ud800-\udfff]", str(value)):
            raise ValidationError(self.message, code=self.code)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ProhibitSurrogates)

    __hash__ = object.__hash__


storable_text: list[Callable[[str], None]] = [ProhibitNullCharactersValidator(), ProhibitSurrogates()]


def is_storable(text: str) -> bool:
    """Whether both databases can hold the text."""
    try:
        for check in storable_text:
            check(text)
    except ValidationError:
        return False
    return True
