"""The examinations of `manage.py doctor` one by one: what each finds in which settings, and in which database."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import environ
import pytest
from django.db import OperationalError, connection

from core import databases
from core.doctor import database_examinations, examinations
from core.doctor.findings import Finding
from core.doctor.outages import mend_of
from tests.support.live import free_port, using

LOCAL, PUBLIC = ["localhost", "127.0.0.1"], ["shop.example"]
PROXY = ("HTTP_X_FORWARDED_PROTO", "https")


def told(found: Iterable[Finding]) -> list[tuple[str, str]]:
    """Return the level and the text of each finding."""
    return [(finding.level.value, finding.text) for finding in found]


@pytest.mark.parametrize(
    ("examine", "env", "expected"),
    [
        ("secret_key", {"SECRET_KEY": "k" * 40}, [("ok", "is set, 40 characters")]),
        ("secret_key", {"SECRET_KEY": "short"}, [("error", "has only 5 characters")]),
        ("debug", {"DEBUG": False}, []),
        ("debug", {"DEBUG": True}, [("error", "is on: error pages show code and settings to every client")]),
        ("hosts", {"ALLOWED_HOSTS": LOCAL}, [("warning", "names only this machine")]),
        ("hosts", {"ALLOWED_HOSTS": ["*"]}, [("warning", "allows every host name")]),
        ("hosts", {"ALLOWED_HOSTS": PUBLIC}, [("ok", "shop.example")]),
        (
            "https",
            {"HTTPS": False, "ALLOWED_HOSTS": LOCAL},
            [("warning", "is off: passwords and tokens may travel unencrypted")],
        ),
        (
            "https",
            {"HTTPS": False, "ALLOWED_HOSTS": PUBLIC},
            [("error", "is off: passwords and tokens may travel unencrypted")],
        ),
        ("https", {"HTTPS": True, "SECURE_PROXY_SSL_HEADER": None}, [("warning", "is on, but TRUST_PROXY is off")]),
        (
            "https",
            {"HTTPS": True, "SECURE_PROXY_SSL_HEADER": PROXY},
            [("ok", "is on, and the proxy's X-Forwarded-Proto is trusted")],
        ),
        ("proxies", {"SECURE_PROXY_SSL_HEADER": None, "FORWARDED_ALLOW_IPS": ""}, []),
        (
            "proxies",
            {"SECURE_PROXY_SSL_HEADER": PROXY, "FORWARDED_ALLOW_IPS": ""},
            [("warning", "is not set, so all clients of the proxy share one rate budget")],
        ),
        (
            "proxies",
            {"SECURE_PROXY_SSL_HEADER": PROXY, "FORWARDED_ALLOW_IPS": "*"},
            [("warning", "lets every client choose its address")],
        ),
        ("redis_answers", {"REDIS_URL": ""}, [("ok", "is not set; the database counts rate budgets")]),
    ],
)
def test_settings_are_judged(
    settings: Any, monkeypatch: pytest.MonkeyPatch, examine: str, env: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    monkeypatch.setenv("SECRET_KEY", "set")
    for name, value in env.items():
        setattr(settings, name, value)

    assert told(getattr(examinations, examine)()) == expected


def test_secret_key_of_a_file_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)

    assert told(examinations.secret_key()) == [("warning", "is not set, so it is kept in a file of this machine")]


def test_folder_of_static_files_is_filled_at_the_start_unless_it_cannot_be_written(
    settings: Any, tmp_path: Path
) -> None:
    settings.STATIC_ROOT = str(tmp_path / "static")
    found = told(examinations.static_files_are_collected())
    settings.STATIC_ROOT = "/proc/none/static"

    assert found == [("ok", "`serve` collects the files when it starts")]
    assert told(examinations.static_files_are_collected()) == [("warning", "/proc/none/static can't be written")]


def test_folder_of_images_must_be_writable_and_their_urls_complete(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT, settings.MEDIA_URL = str(tmp_path / "media"), "https://shop.example/media/"
    found = told(examinations.images_can_be_stored())
    settings.MEDIA_ROOT, settings.MEDIA_URL = "/proc/none/media", "/media/"

    assert found == [("ok", f"{tmp_path}/media can be written; all processes and machines must share it")]
    assert told(examinations.images_can_be_stored()) == [
        ("warning", "is a path: clients of gRPC and other programs can't complete the URLs of images"),
        ("error", "/proc/none/media can't be written: images can't be stored"),
    ]


def test_redis_that_is_down_is_an_error(settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"

    ((level, text),) = told(examinations.redis_answers())

    assert (level, text.partition(" (")[0]) == ("error", "Redis does not answer")


@pytest.mark.usefixtures("requires_redis")
def test_redis_that_answers_is_ok() -> None:
    assert told(examinations.redis_answers()) == [("ok", "Redis answers, policy noeviction")]


@pytest.mark.parametrize(("ahead_s", "levels"), [(0, []), (0.5, []), (90, ["error"]), (-90, ["error"])])
def test_clocks_may_differ_by_a_second(ahead_s: float, levels: list[str]) -> None:
    assert [level for level, _ in told(examinations.compared_clock("Redis", time.time() - ahead_s))] == levels


# -- The database -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("examine", ["clock", "timeouts", "connections", "direct_database"])
def test_sqlite_has_no_clock_timeouts_or_connections_of_its_own(
    tmp_path: Path, settings: Any, django_db_blocker: Any, examine: str
) -> None:
    settings.DIRECT_DATABASE = None
    with django_db_blocker.unblock(), using(f"sqlite:///{tmp_path / 'db.sqlite3'}"):
        assert told(getattr(database_examinations, examine)()) == []


@pytest.mark.django_db
@pytest.mark.usefixtures("requires_postgresql")
def test_timeouts_of_postgresql_are_those_of_the_settings_or_an_error(settings: Any) -> None:
    settings.DIRECT_DATABASE = None
    found = told(database_examinations.timeouts())
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '77s'")

    ((level, text),) = told(database_examinations.timeouts())

    assert found == [("ok", "as in the settings")]
    assert level == "error"
    assert "lock_timeout is 77 s" in text


def config_of(url: str, settings: Any, **more: Any) -> dict[str, Any]:
    return databases.configured(
        environ.Env.db_url_config(url),
        lock_timeout_s=settings.LOCK_TIMEOUT_S,
        statement_timeout_s=settings.STATEMENT_TIMEOUT_S,
        sqlite_synchronous=settings.SQLITE_SYNCHRONOUS,
        **more,
    )


DIRECT: dict[str, tuple[Callable[[], str], dict[str, Any], str, str]] = {
    "same": (lambda: url_of(connection.settings_dict["NAME"]), {}, "ok", "names the same database, without a pooler"),
    "other": (lambda: url_of("postgres"), {}, "error", "names another database than DATABASE_URL"),
    "pooler": (lambda: url_of(connection.settings_dict["NAME"]), {"is_pooled": True}, "error", "leads to a pooler too"),
    "down": (lambda: f"postgres://shop@127.0.0.1:{free_port()}/shop", {}, "error", "does not answer"),
}


def url_of(name: str) -> str:
    facts = connection.settings_dict
    return f"postgres://{facts['USER']}:{facts['PASSWORD']}@{facts['HOST']}:{facts['PORT']}/{name}"


@pytest.mark.django_db
@pytest.mark.usefixtures("requires_postgresql")
@pytest.mark.parametrize("name", DIRECT)
def test_direct_database_is_the_same_one_without_a_pooler(settings: Any, name: str) -> None:
    url, more, level, text = DIRECT[name]
    settings.DIRECT_DATABASE = config_of(url(), settings, **more)

    ((found, told_text),) = told(database_examinations.direct_database())

    assert (found, told_text.partition(" (")[0]) == (level, text)


def test_mend_names_the_setting_that_is_wrong() -> None:
    refused = OperationalError("connection to server failed: Connection refused")

    assert mend_of(refused) == "start PostgreSQL, or correct the host and the port in DATABASE_URL"
    assert mend_of(refused, "REPLICA_URLS") == "start PostgreSQL, or correct the host and the port in REPLICA_URLS"
