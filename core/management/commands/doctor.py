"""`manage.py doctor`: examines a deployment."""

import sys
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from core.doctor import database_examinations, findings, key_fingerprint
from core.doctor.findings import Finding, Level, examined


class Command(BaseCommand):
    help = (
        "Checks the settings and the services of this deployment, and prints a line for each result: what is wrong, "
        "and what to do. Exit code 1 if there is an error."
    )
    requires_system_checks = []  # they query the database, which may be down

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--strict", action="store_true", help="exit code 1 for warnings too")
        parser.add_argument(
            "--accept-key", action="store_true", help="use the database with this SECRET_KEY from now on"
        )

    def handle(self, *args: object, **options: Any) -> None:
        if options["accept_key"]:
            key_fingerprint.accept_key()
        found = []
        for finding in _findings():
            found.append(finding)
            self.stdout.write(str(finding))
        errors, warnings = (sum(each.level == level for each in found) for level in (Level.ERROR, Level.WARNING))
        self.stdout.write(f"{_counted(errors, 'error')}, {_counted(warnings, 'warning')}.")
        if errors or (warnings and options["strict"]):
            sys.exit(1)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _findings() -> Iterator[Finding]:
    yield from examined(findings.OF_SETTINGS)
    yield from examined(findings.OF_SERVICES)
    reached = database_examinations.reached()
    yield reached
    if reached.level == Level.OK:
        checks = database_examinations.database_state()
        yield from checks
        if all(each.level == Level.OK for each in checks):
            yield from examined(findings.OF_DATABASE)
