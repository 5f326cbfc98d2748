"""ASCII text in the database: a check for printable ASCII, and lower case."""

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
