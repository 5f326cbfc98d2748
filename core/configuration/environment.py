"""Reads settings from the environment, and reports all wrong values together.

Each wrong value becomes one line, `NAME: what is wrong; what to write`. Until `check` is called, the default is used.
"""

import json
import os
import re
from collections.abc import Callable, Collection, Mapping
from datetime import date
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ
from django.core.exceptions import ImproperlyConfigured

from core.configuration.currencies import CURRENCIES

TRUE = frozenset(("on", "true", "yes", "y", "ok", "1"))
FALSE = frozenset(("off", "false", "no", "n", "0"))
LARGEST = 2**31 - 1
ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:/\s]+):\d{1,5}")
HOST = re.compile(r"\*|\.?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?|\[[0-9a-f:.]+\]", re.IGNORECASE)
PREFIX = re.compile(r"(https?://[\w.:\[\]-]+)?/([\w.~-]+/)*", re.ASCII)
DATABASE_SCHEMES = frozenset(("sqlite", "postgres", "postgresql", "psql", "pgsql"))
Value = TypeVar("Value")
Default = TypeVar("Default")


class WrongValue(ValueError):
    """What is wrong with a value, and what to write instead."""

    def __init__(self, fault: str, mend: str) -> None:
        super().__init__(f"{fault}; {mend}")


class Environment:
    """Reads variables. An empty variable counts as unset. Methods return a variable's value, or its default."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables
        self._faults: list[str] = []

    def check(self) -> None:
        """Raise ImproperlyConfigured with one line for each wrong value, if there are any."""
        if self._faults:
            raise ImproperlyConfigured("\n".join(self._faults))

    def _read(self, name: str, default: Default, parse: Callable[[str], Value]) -> Value | Default:
        text = self._variables.get(name, "").strip()
        if not text:
            return default
        try:
            return parse(text)
        except WrongValue as error:
            self._faults.append(f"{name}: {error}")
            return default

    # -- Plain values -------------------------------------------------------------------------------------------
    def text(self, name: str, default: str, *, choices: Collection[str] = ()) -> str:
        """Return a text. If there are `choices`, it is one of them, whatever its case."""
        return self._read(name, default, lambda text: _choice(text, choices) if choices else text)

    def flag(self, name: str, default: bool) -> bool:
        return self._read(name, default, _bool)

    def whole(self, name: str, default: int, *, least: int = 0, most: int = LARGEST) -> int:
        return self._read(name, default, lambda text: _int(text, least, most))

    def number(self, name: str, default: float, *, least: float = 0, most: float = LARGEST) -> float:
        return self._read(name, default, lambda text: _float(text, least, most))

    def numbers(self, name: str, default: list[float]) -> list[float]:
        return self._read(name, default, lambda text: [_float(each, 0, LARGEST) for each in _split(text)])

    def day(self, name: str) -> date | None:
        return self._read(name, None, _day)

    # -- Values with a form -------------------------------------------------------------------------------------
    def currency(self, name: str, default: str) -> str:
        return self._read(name, default, _currency)

    def time_zone(self, name: str, default: str) -> str:
        return self._read(name, default, _time_zone)

    def hosts(self, name: str, default: list[str]) -> list[str]:
        return self._read(name, default, lambda text: [_host(each) for each in _split(text)])

    def origins(self, name: str, *, patterns: bool) -> list[str]:
        """Return origins. If `patterns`, https://*.shop.example counts as one."""
        return self._read(name, [], lambda text: [_origin(each, patterns) for each in _split(text)])

    def networks(self, name: str) -> list[str]:
        return self._read(name, [], lambda text: [_network(each) for each in _split(text)])

    def proxies(self, name: str) -> str:
        """Return addresses and networks separated by commas, or `*`."""
        return self._read(name, "", lambda text: text if text == "*" else ",".join(map(_network, _split(text))))

    def address(self, name: str) -> str:
        """Return HOST:PORT, or an empty text."""
        return self._read(name, "", _address)

    def file(self, name: str) -> str:
        """Return the path of a file that can be read, or an empty text."""
        return self._read(name, "", _file)

    def url(self, name: str, schemes: Collection[str]) -> str:
        return self._read(name, "", lambda text: _url(text, schemes))

    def prefix(self, name: str, default: str) -> str:
        """Return how the URLs of files begin: a URL or a path, with a slash at the end."""
        return self._read(name, default, _prefix)

    def backend(self, name: str, default: str) -> str:
        """Return the dotted path of a class that can be imported."""
        return self._read(name, default, _backend)

    def options(self, name: str) -> dict[str, Any]:
        """Return a JSON object."""
        return self._read(name, {}, _options)

    def collector(self, name: str) -> str:
        """Return the URL of a collector of OpenTelemetry, whose packages are then needed; or an empty text."""
        return self._read(name, "", _collector)

    def database(self, name: str, default: str) -> dict[str, Any]:
        """Return Django's settings of the database that a URL names."""
        return self._read(name, _database(default), _database)

    def postgresql(self, name: str) -> dict[str, Any] | None:
        return self._read(name, None, _postgresql)

    def databases(self, name: str) -> list[dict[str, Any]]:
        """Return Django's settings of each PostgreSQL database in a list of URLs."""
        return self._read(name, [], lambda text: [_postgresql(each) for each in _split(text)])


def _split(text: str) -> list[str]:
    return [each for each in (part.strip() for part in text.split(",")) if each]


def _choice(text: str, choices: Collection[str]) -> str:
    found = next((each for each in choices if each.lower() == text.lower()), None)
    if found is None:
        raise WrongValue(f"{text!r} is not one of its values", f"write {', '.join(choices)}")
    return found


def _bool(text: str) -> bool:
    if text.lower() not in TRUE | FALSE:
        raise WrongValue(f"{text!r} is neither on nor off", "write on or off")
    return text.lower() in TRUE


def _int(text: str, least: int, most: int) -> int:
    try:
        number = int(text)
    except ValueError:
        raise WrongValue(f"{text!r} is not a whole number", f"write one from {least} to {most}") from None
    return _within(number, least, most)


def _float(text: str, least: float, most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        raise WrongValue(f"{text!r} is not a number", f"write one from {least:g} to {most:g}, as 2.5") from None
    return _within(number, least, most)


Number = TypeVar("Number", int, float)


def _within(number: Number, least: Number, most: Number) -> Number:
    if not least <= number <= most:
        raise WrongValue(f"{number} is out of range", f"write a number from {least} to {most}")
    return number


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise WrongValue(f"{text!r} is not a day", "write it as 2027-01-31") from None


def _currency(text: str) -> str:
    if text not in CURRENCIES:
        raise WrongValue(f"{text!r} is not a currency code of ISO 4217", "write three capital letters, as USD or EUR")
    return text


def _time_zone(text: str) -> str:
    try:
        return ZoneInfo(text).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise WrongValue(
            f"{text!r} is not a time zone", "write a name of the IANA database, as Europe/Paris"
        ) from error


def _host(text: str) -> str:
    if not HOST.fullmatch(text):
        raise WrongValue(f"{text!r} is not a host name", "write names without scheme, port and path, as shop.example")
    return text


def _origin(text: str, patterns: bool) -> str:
    parts = urlsplit(text)
    is_whole = patterns or "*" not in parts.netloc
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or not is_whole:
        raise WrongValue(f"{text!r} is not an origin", "write scheme and host, as https://shop.example")
    return text


def _network(text: str) -> str:
    try:
        ip_network(text, strict=False)
    except ValueError:
        raise WrongValue(
            f"{text!r} is neither an address nor a network", "write numbers, as 10.0.0.1 or 10.0.0.0/8"
        ) from None
    return text


def _address(text: str) -> str:
    if not ADDRESS.fullmatch(text) or int(text.rpartition(":")[2]) > 65_535:
        raise WrongValue(f"{text!r} is not an address", "write HOST:PORT, as 127.0.0.1:9000")
    return text


def _file(text: str) -> str:
    try:
        Path(text).open("rb").close()
    except OSError as error:
        raise WrongValue(f"{text} can't be read ({error.strerror})", "write the path of a file") from None
    return text


def _collector(text: str) -> str:
    if find_spec("opentelemetry.sdk") is None:
        raise WrongValue("OpenTelemetry is not installed", "run `pip install -r deploy/tracing.txt`, or unset it")
    return _url(text, ("http", "https"))


def _url(text: str, schemes: Collection[str]) -> str:
    parts = urlsplit(text)
    if parts.scheme not in schemes or not (parts.netloc or parts.path):
        raise WrongValue("it is not a URL of its kind", f"write one that starts with {' or '.join(schemes)}, and ://")
    return text


def _prefix(text: str) -> str:
    if not PREFIX.fullmatch(text):
        raise WrongValue(f"{text!r} does not begin URLs", "write https://shop.example/media/ or /media/")
    return text


def _backend(text: str) -> str:
    if find_spec(text.partition(".")[0]) is None or "." not in text:
        raise WrongValue(
            f"{text!r} is not an installed class", "write its module and name, as storages.backends.s3.S3Storage"
        )
    return text


def _options(text: str) -> dict[str, Any]:
    # The value is not in the message, because it may hold a password.
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise WrongValue("it is not a JSON object", 'write one, as {"bucket_name": "shop"}')
    return found


def _database(text: str) -> dict[str, Any]:
    # The value is not in the message, because it may hold a password.
    mend = "write sqlite:///path/to/file or postgres://user:password@host:5432/name"
    if text.partition(":")[0] not in DATABASE_SCHEMES:
        raise WrongValue("it names neither an SQLite file nor a PostgreSQL database", mend)
    try:
        found: dict[str, Any] = environ.Env.db_url_config(text)
    except ValueError:
        raise WrongValue("its port is not a number up to 65535", mend) from None
    if not found["NAME"]:
        raise WrongValue("it names no database", mend)
    return found


def _postgresql(text: str) -> dict[str, Any]:
    found = _database(text)
    if "sqlite" in found["ENGINE"]:
        raise WrongValue("it does not name a PostgreSQL database", "write postgres://user:password@host:5432/name")
    return found
