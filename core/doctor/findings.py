"""What an examination of a deployment finds, and the list of all examinations."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """One line of `manage.py doctor`. `mend` is what to do, and empty if all is well."""

    level: Level
    subject: str
    text: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.level:<8} {self.subject}: {self.text}{f'; {self.mend}' if self.mend else ''}"


Examination = Callable[[], Iterable[Finding]]
OF_SETTINGS: list[Examination] = []
OF_SERVICES: list[Examination] = []
OF_DATABASE: list[Examination] = []  # run only if the database answers and is migrated


def of_settings(examine: Examination) -> Examination:
    OF_SETTINGS.append(examine)
    return examine


def of_services(examine: Examination) -> Examination:
    OF_SERVICES.append(examine)
    return examine


def of_database(examine: Examination) -> Examination:
    OF_DATABASE.append(examine)
    return examine


def ok(subject: str, text: str) -> Finding:
    return Finding(Level.OK, subject, text)


def warning(subject: str, text: str, mend: str) -> Finding:
    return Finding(Level.WARNING, subject, text, mend)


def error(subject: str, text: str, mend: str) -> Finding:
    return Finding(Level.ERROR, subject, text, mend)


def examined(examinations: Iterable[Examination]) -> Iterator[Finding]:
    for examine in examinations:
        yield from examine()
