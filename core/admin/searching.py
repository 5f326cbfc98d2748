"""The search box of the admin's lists."""

from collections.abc import Iterable
from typing import Any, TypeVar

from django.contrib.admin.utils import get_fields_from_path
from django.core.exceptions import ValidationError
from django.db.models import Exists, Model, OuterRef, Q, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.db.models.functions import Coalesce
from django.utils.text import smart_split, unescape_string_literal

from core.errors import InvalidInput
from core.plans.statements import list_value
from core.text.search import SHORTEST
from core.validation.validators import is_storable

MAX_LENGTH, MAX_WORDS = 200, 10
FEW = 5_000  # rows of a related table, whose ids are passed
ENOUGH = 2_000  # rows, for which no plan is chosen that is fast for the first few only
Row = TypeVar("Row", bound=Model)


def searched(queryset: QuerySet[Row], fields: Iterable[str], text: str) -> QuerySet[Row]:
    """Keep the rows that contain each word of `text` in any of the fields. Case is ignored.

    Words in quotes count as one. A field `=name` must equal the word, as it is written. A field `~name` must equal
    words of fewer than SHORTEST characters: no index finds them within a text. One query for each word and relation.
    Raises InvalidInput if the text has more than MAX_LENGTH characters or MAX_WORDS words.
    """
    if not is_storable(text):
        return queryset.none()
    words = dict.fromkeys(map(_unquoted, smart_split(text))) if len(text) <= MAX_LENGTH else ()
    if len(text) > MAX_LENGTH or len(words) > MAX_WORDS:
        raise InvalidInput(f"A search has at most {MAX_WORDS} words and {MAX_LENGTH} characters.")
    for word in words:
        queryset = queryset.filter(_any_of(queryset.model, fields, word))
    return queryset


def newest(queryset: QuerySet[Row], fields: Iterable[str], text: str, count: int) -> QuerySet[Row]:
    """Return the newest rows that `searched` finds. One query, and those of `searched`.

    The inner limit keeps the database from reading the whole table backwards for a few rows with a rare word. The
    outer order is an expression that no index has, or the database would read the table backwards for that order.
    """
    found = searched(queryset, fields, text).order_by("-pk").values("pk")
    return queryset.filter(pk__in=found[:ENOUGH]).order_by(Coalesce("pk", "pk").desc())[:count]


def _any_of(model: type[Model], fields: Iterable[str], word: str) -> Q:
    """Return the condition that one of the fields has the word.

    An OR over the columns of several tables can't use their indexes, so each related table is searched by itself.
    """
    found, of_relations = Q(pk__in=[]), dict[str, Q]()
    for field in fields:
        relation, _, name = field.rpartition(LOOKUP_SEP)
        if not relation:
            found |= _condition(model, name, word)
        else:
            related = _related(model, relation)
            of_relations[relation] = of_relations.get(relation, Q()) | _condition(related, name, word)
    for relation, condition in of_relations.items():
        found |= _of_related(relation, _related(model, relation)._default_manager.filter(condition))
    return found


def _related(model: type[Model], relation: str) -> Any:
    return get_fields_from_path(model, relation)[-1].related_model


def _of_related(relation: str, rows: "QuerySet[Any]") -> Q:
    """Return the condition that a relation leads to one of the rows. One query.

    If they are few, it has their ids: the database then knows that, and uses the index of the relation. If not, it is
    no `IN (SELECT`: PostgreSQL would compare each row with all of them, if their ids take more than its work_mem.
    """
    ids = list(rows.order_by().values_list("pk", flat=True)[: FEW + 1])
    if not ids:
        return Q(pk__in=[])
    if len(ids) <= FEW:
        return Q(**{f"{relation}__pk__among": list_value(ids)})
    return Q(Exists(rows.order_by().filter(pk=OuterRef(relation))))


def _condition(model: type[Model], field: str, word: str) -> Q:
    name = field.lstrip("=~")
    if field.startswith("=") or (field.startswith("~") and len(word) < SHORTEST):
        return _equals(model, name, word)
    return Q(**{f"{name}__has": word})


def _equals(model: type[Model], name: str, word: str) -> Q:
    """Return the condition that a field equals a word; no row has it if the field can't hold the word."""
    try:
        return Q(**{name: model._meta.get_field(name).clean(word, None)})  # type: ignore[union-attr]  # no relation
    except ValidationError:
        return Q(pk__in=[])


def _unquoted(word: str) -> str:
    is_quoted = len(word) > 1 and word[0] in "\"'" and word[0] == word[-1]
    return unescape_string_literal(word) if is_quoted else word
