"""Text in the Unicode form NFKC: texts that look alike get the same form, such as full-width and plain letters."""

import unicodedata

from django.db import models

MOST_TO_ONE = 4  # NFKC composes at most this number of characters to one


def normalized(text: str, max_length: int) -> str:
    """Return the text in NFKC, or unchanged if it is too long to have `max_length` characters in that form."""
    return unicodedata.normalize("NFKC", text) if len(text) <= MOST_TO_ONE * max_length else text


class NormalizedCharField(models.CharField):  # type: ignore[type-arg]  # not generic at runtime
    """A CharField that is validated, written and looked up in NFKC."""

    def to_python(self, value: object) -> object:
        text = super().to_python(value)
        return normalized(text, self.max_length) if isinstance(text, str) and self.max_length else text

    def pre_save(self, model_instance: models.Model, add: bool) -> object:
        value = super().pre_save(model_instance, add)
        if isinstance(value, str):  # not an SQL expression
            value = self.to_python(value)
            setattr(model_instance, self.attname, value)
        return value


class NormalizedEmailField(NormalizedCharField, models.EmailField):  # type: ignore[type-arg]  # not generic at runtime
    """An EmailField that is validated, written and looked up in NFKC."""
