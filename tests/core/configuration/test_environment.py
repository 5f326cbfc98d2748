"""Settings from the environment: what is accepted, and how wrong values are reported."""

import os
from datetime import date

import pytest
from django.core.exceptions import ImproperlyConfigured

from core.configuration import environment
from core.configuration.environment import Environment
from tests.support.warm_start import run_command

WRONG = {
    "ALLOWED_HOSTS": "https://shop.example",
    "DATABASE_URL": "mysql://shop:hunter2@db/shop",
    "FORWARDED_ALLOW_IPS": "nginx",
    "GRPC_HEALTH_ADDRESS": "50051",
    "HTTPS": "maybe",
    "LOG_LEVEL": "loud",
    "REDIS_URL": "http://:hunter2@cache",
    "STORE_CURRENCY": "EURO",
    "STREAM_HEARTBEAT_S": "soon",
    "V1_SUNSET_ON": "2027-02-30",
    "WEBHOOK_CA_FILE": "/none/ca.pem",
    "WEBHOOK_PAUSES_S": "5,often",
    "WEB_THREADS": "four",
}


@pytest.mark.live
@pytest.mark.parametrize("command", ["migrate", "serve"])
def test_all_wrong_settings_are_named_at_once_without_a_traceback(command):
    ended = run_command(command, env={**os.environ, **WRONG})

    lines = ended.stderr.splitlines()
    assert ended.returncode == 1
    assert sorted(line.partition(": ")[0] for line in lines) == sorted(WRONG)
    assert [line for line in lines if "; write " not in line] == []
    assert "hunter2" not in ended.stderr


@pytest.mark.live
def test_database_that_is_down_is_one_line_without_a_traceback():
    unreachable = {"DATABASE_URL": "postgres://shop:hunter2@127.0.0.1:1/shop"}

    ended = run_command("migrate", "--skip-checks", env={**os.environ, **unreachable})

    assert ended.returncode == 1
    assert ended.stderr.startswith("DATABASE_URL: ")
    assert ended.stderr.endswith("; start PostgreSQL, or correct the host and the port in DATABASE_URL\n")
    assert (ended.stderr.count("\n"), "hunter2" in ended.stderr) == (1, False)


@pytest.mark.parametrize(
    ("method", "text", "value"),
    [
        (lambda env: env.flag("X", False), "ON", True),
        (lambda env: env.flag("X", True), "no", False),
        (lambda env: env.flag("X", True), "", True),
        (lambda env: env.whole("X", 4), " 8 ", 8),
        (lambda env: env.number("X", 4), "2.5", 2.5),
        (lambda env: env.numbers("X", []), "5, 30,2.5", [5, 30, 2.5]),
        (lambda env: env.text("X", "a", choices=("a", "B")), "b", "B"),
        (lambda env: env.currency("X", "USD"), "EUR", "EUR"),
        (lambda env: env.day("X"), "2027-01-31", date(2027, 1, 31)),
        (lambda env: env.hosts("X", []), ".shop.example, [::1],*", [".shop.example", "[::1]", "*"]),
        (lambda env: env.origins("X", patterns=True), "https://*.shop.example", ["https://*.shop.example"]),
        (lambda env: env.proxies("X"), "10.0.0.0/8, ::1", "10.0.0.0/8,::1"),
        (lambda env: env.proxies("X"), "*", "*"),
        (lambda env: env.address("X"), "[::1]:50051", "[::1]:50051"),
        (lambda env: env.url("X", ("redis",)), "redis://:p@cache:6379/0", "redis://:p@cache:6379/0"),
        (lambda env: env.database("X", "sqlite:///a")["NAME"], "postgres://u:p@db:5432/shop", "shop"),
    ],
)
def test_well_formed_value_is_read(method, text, value):
    env = Environment({"X": text})

    assert method(env) == value
    env.check()


@pytest.mark.parametrize(
    ("method", "text", "line"),
    [
        (lambda env: env.whole("X", 4, least=1, most=9), "0", "X: 0 is out of range; write a number from 1 to 9"),
        (lambda env: env.whole("X", 4, most=9), "1.5", "X: '1.5' is not a whole number; write one from 0 to 9"),
        (lambda env: env.number("X", 4, most=9), "nan", "X: nan is out of range; write a number from 0 to 9"),
        (
            lambda env: env.origins("X", patterns=False),
            "https://*.a.example",
            "X: 'https://*.a.example' is not an origin",
        ),
        (
            lambda env: env.origins("X", patterns=True),
            "shop.example",
            "X: 'shop.example' is not an origin; write scheme and host, ",
        ),
        (
            lambda env: env.database("X", "sqlite:///a"),
            "postgres://u:p@db:99999/s",
            "X: its port is not a number up to",
        ),
        (lambda env: env.database("X", "sqlite:///a"), "postgres://db", "X: it names no database; write sqlite:///"),
        (lambda env: env.postgresql("X"), "sqlite:///a", "X: it does not name a PostgreSQL database; write postgres"),
        (lambda env: env.time_zone("X", "UTC"), "Mars/Phobos", "X: 'Mars/Phobos' is not a time zone; write a name of"),
        (lambda env: env.file("X"), "/no/such/file", "X: /no/such/file can't be read (No such file or directory); "),
    ],
)
def test_wrong_value_is_reported_and_the_default_is_used(method, text, line):
    env, unset = Environment({"X": text}), Environment({})

    assert method(env) == method(unset)
    with pytest.raises(ImproperlyConfigured) as report:
        env.check()
    assert str(report.value).startswith(line)


def test_collector_of_traces_needs_opentelemetry(monkeypatch):
    monkeypatch.setattr(environment, "find_spec", lambda name: None)
    env = Environment({"X": "http://127.0.0.1:4318"})

    assert env.collector("X") == ""
    with pytest.raises(ImproperlyConfigured, match=r"^X: OpenTelemetry is not installed; run `pip install"):
        env.check()
    monkeypatch.setattr(environment, "find_spec", lambda name: object())
    assert Environment({"X": "http://127.0.0.1:4318"}).collector("X") == "http://127.0.0.1:4318"
