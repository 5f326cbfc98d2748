"""The time of a write, read from the clock of the database; and the time zone and the days of the shop."""

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models.functions import Now
from django.utils import timezone

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models.sql.compiler import SQLCompiler, _AsSqlType

# Django's format on SQLite, where moments are compared as texts: microseconds, and no fraction if it is zero.
SQLITE_NOW = "REPLACE(STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW') || '000', '.000000', '')"
FIRST_DAY, LAST_DAY = date(1, 1, 2), date(9999, 12, 30)  # these begin and end within Python's years in UTC too


class DatabaseNow(Now):
    """The default of a time column, for rows that manual SQL inserts."""

    def as_sqlite(self, compiler: "SQLCompiler", connection: "BaseDatabaseWrapper", **context: Any) -> "_AsSqlType":
        return self.as_sql(compiler, connection, template=SQLITE_NOW.replace("%", "%%%%"), **context)


def shop_zone() -> ZoneInfo:
    """Return the time zone of the shop, in which its days begin and staff see times."""
    return ZoneInfo(settings.STORE_TIME_ZONE)


def shop_now() -> datetime:
    return timezone.now().astimezone(shop_zone())


def day_begins(day: date) -> datetime:
    """Return when a day of the shop begins. A day before FIRST_DAY or after LAST_DAY counts as that day."""
    return datetime.combine(min(max(day, FIRST_DAY), LAST_DAY), time.min, shop_zone())


def day_ends(day: date) -> datetime:
    """Return when the next day of the shop begins; the moment itself is no longer part of the day."""
    return datetime.combine(min(max(day, FIRST_DAY), LAST_DAY) + timedelta(days=1), time.min, shop_zone())
