"""`manage.py doctor` on a good deployment, and on broken ones."""

import os
import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from core.models import ChangeEvent, KeyFingerprint
from tests.support.live import fresh_database, using
from tests.support.waiting import wait_until
from tests.support.warm_start import WarmProcess
from webhooks.models import Delivery, Endpoint

pytestmark = pytest.mark.live

GOOD = {
    "SECRET_KEY": "k" * 50,
    "ALLOWED_HOSTS": "shop.example",
    "HTTPS": "on",
    "TRUST_PROXY": "on",
    "FORWARDED_ALLOW_IPS": "10.0.0.1",
    "MEDIA_URL": "https://shop.example/media/",
    "DEBUG": "",
}
SUMMARY = re.compile(r"\d+ errors?, \d+ warnings?\.")
TRIGGER = "catalog_product_folded"
Doctor = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def database(tmp_path, migrated_template):
    with fresh_database(tmp_path, migrated_template) as url:
        yield url


@pytest.fixture
def doctor(database, tmp_path) -> Doctor:
    """Run the command; return its exit code and its lines about faults."""

    def run(*options: str, **env: str) -> tuple[int, list[str]]:
        given = {**os.environ, **GOOD, "DATABASE_URL": database, **env}
        printed = tmp_path / f"printed-{uuid4().hex}"
        code = WarmProcess(["doctor", *options], given, printed, printed).wait(60)
        assert "Traceback" not in printed.read_text()
        lines = printed.read_text().splitlines()
        return code, [line for line in lines if not line.startswith("ok ") and not SUMMARY.fullmatch(line)]

    return run


def test_good_deployment_has_no_findings(doctor):
    assert doctor("--strict") == (0, [])


@pytest.mark.parametrize(
    ("env", "lines"),
    [
        pytest.param({"WEB_THREADS": "four"}, ["WEB_THREADS: 'four' is not a whole number; "], id="wrong setting"),
        pytest.param(
            {"SECRET_KEY": "short", "DEBUG": "on", "HTTPS": "off", "REDIS_URL": "redis://127.0.0.1:1/0"},
            [
                "error    SECRET_KEY: has only 5 characters; ",
                "error    DEBUG: is on",
                "error    HTTPS: is off",
                "error    REDIS_URL: Redis does not answer (",
            ],
            id="settings of a developer, and Redis down",
        ),
        pytest.param(
            {"DATABASE_URL": "postgres://shop@127.0.0.1:1/shop"},
            ["error    database: does not answer ("],
            id="database down",
        ),
    ],
)
def test_wrong_environment_is_reported(doctor, env, lines):
    code, found = doctor(**env)

    assert code == 1
    assert [line[: len(start)] for line, start in zip(found, lines, strict=False)] == lines


def test_database_that_is_not_migrated_is_reported(doctor, tmp_path):
    (folder := tmp_path / "empty").mkdir()
    with fresh_database(folder) as url:
        code, found = doctor(DATABASE_URL=url)

    assert code == 1
    assert found[0].startswith("error    migrations: missing: accounts.0001_initial, ")
    assert found[0].endswith("; run `python manage.py migrate`")


def test_missing_trigger_is_reported(doctor, database, django_db_blocker):
    table = " ON catalog_product" if database.startswith("postgres") else ""
    with django_db_blocker.unblock(), using(database), connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {TRIGGER}{table}")

    code, found = doctor()

    assert code == 1
    assert found[0] == f"error    triggers: missing: {TRIGGER}; run `python manage.py installtriggers`"


def test_read_only_database_is_reported(requires_postgresql, doctor, database, django_db_blocker):
    with django_db_blocker.unblock(), using(database), connection.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{database.rpartition("/")[2]}" SET default_transaction_read_only = on')

    code, found = doctor()

    assert (code, found[0].startswith("error    database: read-only; ")) == (1, True)


def test_role_without_rights_is_reported(requires_postgresql, doctor, database, django_db_blocker):
    role = f"stranger_{uuid4().hex[:8]}"
    with django_db_blocker.unblock(), using(database), connection.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{role}'")
    address = urlsplit(database)
    there = address._replace(netloc=f"{role}:{role}@{address.hostname}:{address.port}").geturl()
    try:
        code, found = doctor(DATABASE_URL=there)
    finally:
        with django_db_blocker.unblock(), using(database), connection.cursor() as cursor:
            cursor.execute(f"DROP ROLE {role}")

    assert (code, found) == (
        1,
        [
            "error    database: can't be examined (permission denied for table django_migrations); "
            "grant the tables to the role in DATABASE_URL, or write the role that owns them"
        ],
    )


def test_another_secret_key_is_reported_until_it_is_accepted(doctor):
    assert doctor() == (0, [])

    code, found = doctor(SECRET_KEY="other" * 10)
    assert (code, found[0].partition(";")[0]) == (
        1,
        "error    SECRET_KEY: differs from the key that this database is used with",
    )

    assert doctor("--accept-key", SECRET_KEY="other" * 10) == (0, [])


def test_late_webhooks_and_an_unpruned_feed_are_warnings(doctor, database, django_db_blocker):
    past = timezone.now() - timedelta(days=30)
    with django_db_blocker.unblock(), using(database):
        endpoint = Endpoint.objects.create(url="https://a.example", secret="s", failing_since=past)
        Delivery.objects.create(
            endpoint=endpoint, message_id="m", topic="order", kind="placed", payload="{}", next_attempt_at=past
        )
        ChangeEvent.objects.create(seq=1, topic="product", kind="created", object_id=1, at=past)

    code, found = doctor()

    assert code == 0
    assert [line.partition(";")[0] for line in sorted(found)] == [
        f"warning  feed: its oldest event is of {past:%Y-%m-%d}",
        "warning  webhooks: 1 deliveries are more than 5 minutes late",
        "warning  webhooks: 1 endpoints fail, 0 were switched off",
    ]
    assert doctor("--strict")[0] == 1


def test_server_with_another_secret_key_logs_a_warning(live_shop):
    shop = live_shop()
    with shop.database():
        wait_until(KeyFingerprint.objects.exists)

    other = shop.start(SECRET_KEY="other" * 10)

    wait_until(lambda: "SECRET_KEY differs from the key that this database is used with" in other.log)
    assert "SECRET_KEY differs" not in shop.servers[0].log
