"""Text search that ignores case and Unicode form: `name__has="Zoë"` finds the same rows on both databases."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db import connection, models
from django.db.models.expressions import Col
from django.db.models.functions import Coalesce
from django.db.models.lookups import Contains

from core.text.ascii import AsciiLower, printable_ascii
from core.text.folding import folded

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler, _AsSqlType

SHORTEST = 3  # characters: shorter words have no trigram
FUNCTION, FUNCTION_BEYOND_ASCII = "shop_folded", "shop_folded_beyond_ascii"


class Folded(models.Func):
    """`folded()` as an SQL function: stored in PostgreSQL, registered on Django's connections to SQLite."""

    function = FUNCTION
    arity = 1
    output_field = models.TextField()


class FoldedField(models.TextField):  # type: ignore[type-arg]  # not generic at runtime
    """The folded form of the text field `source` of the same row, for searches to read and to index.

    Triggers update it for manual SQL. On SQLite they can't fold letters beyond ASCII: the field is then null until
    Django saves the row, and searches fold the source instead.
    """

    def __init__(self, source: str, **options: Any) -> None:
        self.source = source
        super().__init__(**{"null": True, "default": None, "editable": False} | options)

    def deconstruct(self) -> tuple[str, str, Sequence[object], dict[str, object]]:
        name, path, args, options = super().deconstruct()
        return name, path, [self.source, *args], options

    def pre_save(self, model_instance: models.Model, add: bool) -> str | None:
        text = getattr(model_instance, self.source)
        form = folded(text) if isinstance(text, str) else None  # if it is an SQL expression, the triggers fold it
        setattr(model_instance, self.attname, form)
        return form


class StoredForm(Coalesce):
    """The value of a FoldedField, or the folded source if the field is null."""

    output_field = models.TextField()

    def as_postgresql(
        self, compiler: "SQLCompiler", connection: "BaseDatabaseWrapper", **context: object
    ) -> "_AsSqlType":
        """Leave the fallback out: a trigger always fills the field, and only the bare column can use an index."""
        return compiler.compile(self.get_source_expressions()[0])


@models.CharField.register_lookup
@models.TextField.register_lookup
class Has(Contains):
    """Whether a text contains another; ignores case and Unicode form."""

    lookup_name = "has"

    def __init__(self, lhs: models.Expression, rhs: Any) -> None:
        """`rhs` is a text, or a placeholder for one: its pattern is made when the statement runs."""
        if isinstance(rhs, str):
            super().__init__(_folded_form(lhs, folded(rhs)), folded(rhs))
        else:
            super().__init__(_folded_form(lhs), rhs.through(self._pattern))

    def get_rhs_op(self, connection: "BaseDatabaseWrapper", rhs: str) -> str:
        operator: str = connection.operators["contains"]  # type: ignore[attr-defined]  # each backend has them
        return operator % rhs

    @classmethod
    def _pattern(cls, text: str) -> str:
        return cls.param_pattern % connection.ops.prep_for_like_query(folded(text))


def _folded_form(text: models.Expression, word: str | None = None) -> models.Expression:
    """Return the expression that the trigram index of the column has. ASCII folds to lower case, without a call.

    No index finds a word of fewer than SHORTEST characters, so that all rows are tested. If it has no letters, such as
    12, it is looked for in the column itself: a third less time than with the lower case of each row.
    """
    if isinstance(text, Col):
        if printable_ascii in text.target.validators:
            is_plain = word is not None and len(word) < SHORTEST and word.upper() == word
            return text if is_plain else AsciiLower(text)
        for field in text.target.model._meta.fields:
            if isinstance(field, FoldedField) and field.source == text.target.name:
                return StoredForm(Col(text.alias, field), Folded(text))
    return Folded(text)


def postgresql_functions() -> tuple[str, str]:
    """Return the statements that create FUNCTION in PostgreSQL, from the letters that this Python folds.

    PostgreSQL writes the SQL function into the statements and indexes that call it. So it calls the slower function
    for texts with letters beyond ASCII only.
    """
    inlined = f"""
        CREATE OR REPLACE FUNCTION {FUNCTION}(value text) RETURNS text
        LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN CASE WHEN octet_length(value) = char_length(value) THEN lower(value COLLATE "C")
            ELSE {FUNCTION_BEYOND_ASCII}(value) END"""
    return _function_beyond_ascii(), inlined


def _function_beyond_ascii() -> str:
    """Return the statement that creates FUNCTION_BEYOND_ASCII, which folds any text.

    If a character is newer than the Unicode version of Python or of PostgreSQL, it stays unchanged.
    """
    # With other collations lower() depends on the locale: in Turkish, I becomes a dotless i. The loop may replace all
    # occurrences of a letter at once, because folded letters fold to themselves.
    return f"""
        CREATE OR REPLACE FUNCTION {FUNCTION_BEYOND_ASCII}(value text) RETURNS text
        LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
        DECLARE
            form text := lower(normalize(value, NFKC) COLLATE "C");
            letter text;
        BEGIN
            FOREACH letter IN ARRAY string_to_array(regexp_replace(form, '[\\x01-\\x7f]+', '', 'g'), NULL) LOOP
                form := replace(form, letter, coalesce('{_folded_letters()}'::jsonb ->> letter, letter));
            END LOOP;
            RETURN form;
        END $$"""


def _folded_letters() -> str:
    """Return a JSON object from each letter outside ASCII that casefold() changes to its folded form."""
    letters = (chr(code) for code in range(0x80, sys.maxunicode + 1))
    forms = {letter: letter.casefold() for letter in letters if letter != letter.casefold()}
    return json.dumps(forms, ensure_ascii=False)
