"""The search box of the admin's lists."""

from collections.abc import Iterable
from typing import Any, TypeVar

from django.contrib.admin.utils import get_fields_from_path
from django.core.exceptions import ValidationError
from django.db.models import Exists, Model, OuterRef, Q, QuerySet, Subquery
from django.db.models.constants import LOOKUP_SEP
from django.db.models.functions import Coalesce
from django.utils.text import smart_split, unescape_string_literal

from core.databases import is_postgresql
from core.errors import InvalidInput
from core.lists.first_rows import rows_by_index
from core.plans.statements import list_value
from core.text.folding import folded
from core.text.pairs import PairIndex
from core.text.search import SHORTEST
from core.validation.validators import is_storable

MAX_LENGTH, MAX_WORDS = 200, 10
FEW = 5_000  # ids of rows of a related table that are passed
MANY = 100_000  # ids of rows that PostgreSQL keeps in its work_mem of 4 MB
ENOUGH = 2_000  # rows, for which no plan is chosen that is fast for the first few only
Row = TypeVar("Row", bound=Model)


def searched(queryset: QuerySet[Row], fields: Iterable[str], text: str) -> QuerySet[Row]:
    """Keep the rows that contain each word of `text` in any of the fields. Case is ignored.

    Words in quotes count as one. A field `=name` must equal the word, as it is written. A field `~name` must equal
    words of fewer than SHORTEST characters: no index finds them within a text. Up to two queries for each word and
    relation, and one for the short words.
    Raises InvalidInput if the text has more than MAX_LENGTH characters or MAX_WORDS words.
    """
    if not is_storable(text):
        return queryset.none()
    words = dict.fromkeys(map(_unquoted, smart_split(text))) if len(text) <= MAX_LENGTH else ()
    if len(text) > MAX_LENGTH or len(words) > MAX_WORDS:
        raise InvalidInput(f"A search has at most {MAX_WORDS} words and {MAX_LENGTH} characters.")
    short = [word for word in words if _is_short(word)]
    ids = _few_ids(_rows_by_pairs(queryset.model, fields, short))
    if ids is not None:
        queryset, words = queryset.filter(_among("pk", ids)), dict.fromkeys(word for word in words if word not in short)
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
    found, of_relations = Q(pk__in=[]), dict[str, list[str]]()
    for field in fields:
        relation, _, name = field.rpartition(LOOKUP_SEP)
        if not relation:
            found |= _condition(model, name, word)
        else:
            of_relations.setdefault(relation, []).append(name)
    for relation, names in of_relations.items():
        found |= _of_related(model, relation, names, word)
    return found


def _of_related(model: type[Model], relation: str, names: list[str], word: str) -> Q:
    """Return the condition that a relation leads to a row that has the word in one of the fields. Up to two queries.

    If these are few, the condition lists their ids, so that the database uses the index of the relation. Otherwise it
    is an EXISTS: with `IN (SELECT`, PostgreSQL compares each row with all of them if their ids exceed its work_mem.
    """
    related: Any = get_fields_from_path(model, relation)[-1].related_model
    rows = _rows_by_pairs(related, names, [word] if _is_short(word) else [])
    if rows is None:
        rows = related._default_manager.filter(_any_of(related, names, word)).order_by()
    ids = _few_ids(_led_to(rows, model, relation))
    return Q(Exists(rows.filter(pk=OuterRef(relation)))) if ids is None else _among(f"{relation}__pk", ids)


def _led_to(rows: "QuerySet[Any]", model: type[Model], relation: str) -> "QuerySet[Any]":
    """Keep the rows that a row of the model leads to: many customers have no order.

    PostgreSQL looks each one up in the index of the relation. With an EXISTS, it would read all rows of the model.
    """
    leading = model._default_manager.filter(**{relation: OuterRef("pk")}).order_by()
    return rows.alias(leading=Subquery(leading.values("pk")[:1])).filter(leading__isnull=False)


def _is_short(word: str) -> bool:
    return 0 < len(folded(word)) < SHORTEST


def _rows_by_pairs(model: type[Model], fields: Iterable[str], words: list[str]) -> "QuerySet[Any] | None":
    """Return the rows that have all the short words, read from an index; None if there is none, or they are very many.

    PostgreSQL is asked how many it expects. Without the index, it would find the pairs of each row anew. One query.
    """
    index: PairIndex | None = getattr(model, "pair_index", None)
    if index is None or not words or index.fields != set(fields) or not is_postgresql():
        return None
    rows = model._default_manager.filter(index.has([folded(word) for word in words])).order_by()
    expected = rows_by_index(rows)
    return rows if expected is not None and expected <= MANY else None


def _few_ids(rows: "QuerySet[Any] | None") -> list[int] | None:
    """Return the ids of the rows; None if there are no rows, or more than FEW. One query."""
    ids = [] if rows is None else list(rows.values_list("pk", flat=True)[: FEW + 1])
    return None if rows is None or len(ids) > FEW else ids


def _among(name: str, ids: list[int]) -> Q:
    return Q(**{f"{name}__among": list_value(ids)}) if ids else Q(pk__in=[])


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
