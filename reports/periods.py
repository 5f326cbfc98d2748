"""Ranges of whole days. Each report compares its range with an earlier one."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from core.errors import InvalidInput
from core.moments import day_begins, day_ends

DAY = timedelta(days=1)
MAX_DAYS = 3 * 366
EARLIEST, LATEST = date(1900, 1, 1), date(2999, 12, 31)


@dataclass(frozen=True)
class Period:
    """The days from `first` to `last`, both included."""

    first: date
    last: date

    def days(self) -> Iterator[date]:
        return (self.first + n * DAY for n in range((self.last - self.first).days + 1))

    def whole_months(self) -> Iterator["Period"]:
        """Yield the calendar months that are completely in the period."""
        start = self.first if self.first.day == 1 else month_of(self.first).last + DAY
        while (month := month_of(start)).last <= self.last:
            yield month
            start = month.last + DAY

    def bounds(self) -> tuple[datetime, datetime]:
        """Return when the period begins and ends in the shop's time zone; the end is excluded."""
        return day_begins(self.first), day_ends(self.last)

    def before(self) -> "Period":
        """Return the period to compare with: the days of the month before, or as many days just before."""
        if self.first.day == 1 and self.first.month == self.last.month and self.first.year == self.last.year:
            return self._in_the_month_before()
        length = self.last - self.first
        return Period(self.first - length - DAY, self.first - DAY)

    def _in_the_month_before(self) -> "Period":
        """Return the same days of the month before; the whole month before a whole month."""
        end = self.first - DAY
        is_whole = (self.last + DAY).day == 1
        return Period(end.replace(day=1), end if is_whole else min(end, end.replace(day=1) + (self.last - self.first)))


PERIODS: Mapping[str, tuple[str, Callable[[date], Period]]] = {
    "month": ("This month", lambda today: Period(today.replace(day=1), today)),
    "last_month": ("Last month", lambda today: month_of(today.replace(day=1) - DAY)),
    "today": ("Today", lambda today: Period(today, today)),
    "week": ("7 days", lambda today: Period(today - 6 * DAY, today)),
    "quarter": ("90 days", lambda today: Period(today - 89 * DAY, today)),
    "year": ("This year", lambda today: Period(today.replace(month=1, day=1), today)),
}


def period_of(first: date, last: date) -> Period:
    """Return the period of these days. Raises InvalidInput if `last` is before `first`, or too far after it."""
    if not EARLIEST <= first <= LATEST:
        raise InvalidInput(fields={"created_from": f"The first day must be between {EARLIEST} and {LATEST}"})
    if not first <= last < first + MAX_DAYS * DAY:
        text = f"The last day must not be before the first, nor {MAX_DAYS} days after it"
        raise InvalidInput(fields={"created_to": text})
    return Period(first, last)


def month_of(day: date) -> Period:
    first = day.replace(day=1)
    return Period(first, (first + 31 * DAY).replace(day=1) - DAY)
