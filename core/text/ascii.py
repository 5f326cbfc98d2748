"""ASCII text in the database: a check for printable ASCII, and lower case."""

import json
from typing import TYPE_CHECKING, Any

from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler, _AsSqlType


# The two databases ignore case in the same way only for ASCII.
printable_ascii = RegexValidator(
    r"\A[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?\Z", "Only printable ASCII characters are allowed."
)


@models.CharField.register_lookup
class IsPrintableAscii(models.Transform):
    """`sku__is_printable_ascii=True`, for constraints. True if all characters are between space and tilde."""

    lookup_name = "is_printable_ascii"
    output_field = models.BooleanField()

    def as_postgresql(self, compiler: "SQLCompiler", connection: "BaseDatabaseWrapper", **context: Any) -> "_AsSqlType":
        return self.as_sql(compiler, connection, template="""(%(expressions)s COLLATE "C") !~ '[^ -~]'""", **context)

    def as_sqlite(self, compiler: "SQLCompiler", connection: "BaseDatabaseWrapper", **context: Any) -> "_AsSqlType":
        return self.as_sql(compiler, connection, template="%(expressions)s NOT GLOB '*[^ -~]*'", **context)


class AsciiLower(Lower):
    """Lower case of ASCII letters. Other collations depend on the locale: in Turkish, I is not the capital of i."""

    def as_postgresql(self, compiler: "SQLCompiler", connection: "BaseDatabaseWrapper", **context: Any) -> "_AsSqlType":
        return self.as_sql(compiler, connection, template='LOWER(%(expressions)s COLLATE "C")', **context)


@models.CharField.register_lookup
class AnyOfTexts(models.Lookup):
    """Whether a text is one of a list, which is one parameter.

    PostgreSQL joins with a subquery, by an index for `=` or by a hash. For an array (`= ANY`) it may search a trigram
    index for each text, if the table was not vacuumed since it was filled: 1,000 texts took 4 s, and take 14 ms.
    """

    lookup_name = "any_of_texts"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        column, params = self.process_lhs(compiler, connection)
        return f"{column} IN (SELECT unnest(%s::text[]))", [*params, list(self.rhs)]

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        column, params = self.process_lhs(compiler, connection)
        return f"{column} IN (SELECT value FROM json_each(%s))", [*params, json.dumps(list(self.rhs))]  # noqa: S608
