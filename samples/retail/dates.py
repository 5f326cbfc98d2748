"""Detects the date form of a file, and parses its dates."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from samples.retail.refusals import Reason, RefusedRow

LONDON = ZoneInfo("Europe/London")
CLOCK = r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?"
ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[ T]([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?")
NUMERIC = re.compile(rf"([0-9]{{1,2}})([/.-])([0-9]{{1,2}})\2([0-9]{{2}}|[0-9]{{4}}) {CLOCK}")


class DateForm(StrEnum):
    ISO = "iso"
    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


class UnclearDates(Exception):
    """The dates of a file are ambiguous or contradict each other. The message is one line."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why}. Choose with --date-format {DateForm.DAY_FIRST} or {DateForm.MONTH_FIRST}.")


class Dates:
    """Parses the dates of one file: always ISO, and either day-first or month-first.

    The option `given` decides. Without it, the texts with only one meaning decide; if there are none, the form
    `known` for files with these headers decides.
    """

    def __init__(self, given: DateForm | None = None, known: DateForm | None = None) -> None:
        self._given, self._known = given, known
        self._examples: dict[DateForm | None, str] = {}  # a text that fits only this form; None: both orders
        self._read_as(given or DateForm.MONTH_FIRST)

    def __str__(self) -> str:
        if self._given:
            return f"{self._given} (--date-format)"
        forms = [str(DateForm.ISO)] if DateForm.ISO in self._examples else []
        if example := self._examples.get(self._order):
            forms.append(f'{self._order} ("{example}" has no other meaning)')
        elif None in self._examples:
            forms.append(f"{self._order} (the known form of files with these headers)")
        return " and ".join(forms) or "none seen"

    def settled(self) -> bool:
        """Return whether the assumed form is right, after every date was read. If not, switch to the right form.

        Raises UnclearDates if the dates contradict each other, or if they fit both orders and no form is `known`.
        """
        form = self._given or self._decided()
        if form == self._order:
            return True
        self._read_as(form)
        return False

    def _decided(self) -> DateForm:
        day_first, month_first = map(self._examples.get, (DateForm.DAY_FIRST, DateForm.MONTH_FIRST))
        if day_first and month_first:
            raise UnclearDates(f'"{day_first}" can only be day-first, "{month_first}" only month-first')
        if day_first or month_first:
            return DateForm.DAY_FIRST if day_first else DateForm.MONTH_FIRST
        if None in self._examples and self._known is None:
            raise UnclearDates(f'All dates, such as "{self._examples[None]}", fit day-first and month-first alike')
        return self._order

    def _read_as(self, form: DateForm) -> None:
        self._order = form
        self.moment = lru_cache(maxsize=10_000)(self._moment)  # a file repeats the same few thousand texts

    def _moment(self, text: str) -> datetime:
        """Convert a time of the file, which is local time in London, to UTC. Raises RefusedRow.

        A time that occurs twice in autumn means the first of the two; a time that does not exist in spring is converted
        with the offset before the change.
        """
        local = self._local(text.strip())
        if local is None:
            raise RefusedRow(Reason.DATE)
        return local.replace(tzinfo=LONDON).astimezone(UTC)

    def _local(self, text: str) -> datetime | None:
        if match := ISO.fullmatch(text):
            self._examples.setdefault(DateForm.ISO, text)
            return _datetime(*match.groups(default="0"))
        if (match := NUMERIC.fullmatch(text)) is None or self._order == DateForm.ISO:
            return None
        first, _, second, year, *clock = match.groups(default="0")
        year = f"20{year}" if len(year) == 2 else year
        readings = {
            DateForm.DAY_FIRST: _datetime(year, second, first, *clock),
            DateForm.MONTH_FIRST: _datetime(year, first, second, *clock),
        }
        self._note(text, readings)
        return readings[self._order]

    def _note(self, text: str, readings: dict[DateForm, datetime | None]) -> None:
        possible = [form for form, moment in readings.items() if moment]
        if len(possible) == 1:
            self._examples.setdefault(possible[0], text)
        elif possible and len(set(readings.values())) == 2:
            self._examples.setdefault(None, text)


def _datetime(*numbers: str) -> datetime | None:
    try:
        # The numbers include no time zone: the caller adds it.
        return datetime(*map(int, numbers))  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        return None
