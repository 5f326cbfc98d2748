"""An index of the characters and pairs of characters of a text, for words that are too short to have a trigram.

It finds words of one and two characters, as many names are in Chinese, without reading the whole table. It has every
character of a text, so it is for tables that are seldom written: for products, it would double the time of a sale.
"""

from typing import NamedTuple

from django.db.models import BooleanField
from django.db.models.expressions import RawSQL

FUNCTION = "shop_pairs"
# So costly that PostgreSQL never calls it for each row of a table instead of reading the index.
CREATE_FUNCTION = f"""
    CREATE OR REPLACE FUNCTION {FUNCTION}(value text) RETURNS text[]
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS $$
    SELECT array_agg(DISTINCT substr(value, start, size))
    FROM generate_series(1, length(value)) start, generate_series(1, 2) size $$"""  # noqa: S608  # a constant


class PairIndex(NamedTuple):
    """The index of the pairs of some fields. A model that has one has it as the attribute `pair_index`."""

    fields: frozenset[str]
    forms: tuple[str, ...]  # the folded form of each field, as SQL

    @property
    def expression(self) -> str:
        return " || ".join(f"{FUNCTION}({form})" for form in self.forms)

    def has(self, words: list[str]) -> RawSQL:
        """Return the condition that each of the folded words, of one or two characters, is in one of the fields."""
        return RawSQL(f"({self.expression}) @> %s", [words], BooleanField())  # noqa: S611  # SQL of the model
