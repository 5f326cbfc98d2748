"""The search box of the admin's lists."""

from collections.abc import Iterable
from typing import TypeVar

from django.db.models import Model, Q, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.utils.text import smart_split, unescape_string_literal

from core.errors import InvalidInput
from core.validation.validators import is_storable

MAX_LENGTH, MAX_WORDS = 200, 10
Row = TypeVar("Row", bound=Model)


def searched(queryset: QuerySet[Row], fields: Iterable[str], text: str) -> QuerySet[Row]:
    """Keep the rows that contain each word of `text` in any of the fields: one condition per word and field.

    Words in quotes count as one. If a field's name starts with "=", the field must equal the word. Case is ignored.
    Raises InvalidInput if the text has more than MAX_LENGTH characters or MAX_WORDS words.
    """
    if not is_storable(text):
        return queryset.none()
    words = dict.fromkeys(map(_unquoted, smart_split(text))) if len(text) <= MAX_LENGTH else ()
    if len(text) > MAX_LENGTH or len(words) > MAX_WORDS:
        raise InvalidInput(f"A search has at most {MAX_WORDS} words and {MAX_LENGTH} characters.")
    lookups = [f"{field[1:]}__iexact" if field.startswith("=") else f"{field}__has" for field in fields]
    for word in words:
        queryset = queryset.filter(_any_of(queryset.model, lookups, word))
    return queryset


def _any_of(model: type[Model], lookups: Iterable[str], word: str) -> Q:
    """Return the condition that one of the lookups finds the word.

    An OR over the columns of several tables can't use their indexes, so each table is searched by itself.
    """
    conditions: dict[str, Q] = {}
    for lookup in lookups:
        *path, _, _ = lookup.split(LOOKUP_SEP)
        relation = LOOKUP_SEP.join(path)
        conditions[relation] = conditions.get(relation, Q()) | Q((lookup, word))
    if len(conditions) == 1:
        return next(iter(conditions.values()))
    first, *others = [model._default_manager.filter(each).order_by().values("pk") for each in conditions.values()]
    return Q(pk__in=first.union(*others))


def _unquoted(word: str) -> str:
    is_quoted = len(word) > 1 and word[0] in "\"'" and word[0] == word[-1]
    return unescape_string_literal(word) if is_quoted else word
