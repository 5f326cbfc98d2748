"""Every request has a name, and one line in the log that tells it."""

import io
import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pythonjsonlogger.json import JsonFormatter

from core.server.logs import LineFormatter, LineHandler, RequestIdFilter, RequestLog, request_id
from tests.support.threads import at_once

Answer = Callable[[HttpRequest], HttpResponse]


def ask(answer: Answer, path: str = "/things?secret=1", **headers: str) -> HttpResponse:
    return RequestLog(answer)(RequestFactory(headers=headers, REMOTE_ADDR="192.0.2.1").get(path))


def teapot(request: HttpRequest) -> HttpResponse:
    return HttpResponse("teapot", status=418)


def test_request_gets_one_line_without_its_query(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    ask(teapot)

    (record,) = [record for record in caplog.records if record.name == "ecommerce.request"]
    facts = {name: getattr(record, name) for name in ("method", "path", "status", "address")}
    assert facts == {"method": "GET", "path": "/things", "status": 418, "address": "192.0.2.1"}
    assert 0 <= record.__dict__["duration_ms"] < 1000
    assert "secret" not in str(record.__dict__)


@pytest.mark.parametrize("name", ["12345678", "a.b_c-D9", "x" * 64])
def test_well_formed_name_of_a_request_is_kept(name: str) -> None:
    seen = []

    def answer(request: HttpRequest) -> HttpResponse:
        seen.append(request_id.get())
        return HttpResponse()

    response = ask(answer, **{"X-Request-ID": name})

    assert response["X-Request-ID"] == name
    assert seen == [name]


@pytest.mark.parametrize("name", ["", "short", "x" * 65, "with space 1", "line\nbreak1", "émigré-12", '"quoted"1'])
def test_ill_formed_name_is_replaced(name: str) -> None:
    response = ask(teapot, **{"X-Request-ID": name})

    assert response["X-Request-ID"] != name
    assert len(response["X-Request-ID"]) == 32


@pytest.mark.parametrize("name", ["ecommerce.request", "core.feed.hub"])
def test_line_has_the_form_of_the_library(name: str) -> None:
    facts = {
        "protocol": "rest",
        "operation": "GET product-detail v1",
        "caller": None,
        "method": "GET",
        "path": "/é\ud800",
    }
    extra = {"request_id": "a" * 32, **facts, "status": 200, "duration_ms": 1.5, "address": "192.0.2.1"}
    record = logging.getLogger(name).makeRecord(name, logging.INFO, "", 0, "request", (), None, extra=extra)
    record.created, record.msecs = 1_800_000_000.0049, 4.9
    options = settings.LOGGING["formatters"]["json"]
    form = {"fmt": options["format"], "rename_fields": options["rename_fields"]}

    assert LineFormatter(**form).format(record) == JsonFormatter(**form).format(record)


def test_every_request_has_a_name_of_its_own() -> None:
    assert ask(teapot)["X-Request-ID"] != ask(teapot)["X-Request-ID"]


def test_name_ends_with_the_request_also_when_it_fails() -> None:
    def fail(request: HttpRequest) -> HttpResponse:
        raise RuntimeError("no answer")

    ask(teapot)
    assert request_id.get() == "-"
    with pytest.raises(RuntimeError):
        ask(fail)
    assert request_id.get() == "-"


def test_line_of_any_logger_carries_the_name() -> None:
    record = logging.LogRecord("any", logging.INFO, "path", 1, "message", None, None)
    token = request_id.set("12345678")
    try:
        assert RequestIdFilter().filter(record)
    finally:
        request_id.reset(token)

    assert record.__dict__["request_id"] == "12345678"


def test_requests_on_threads_do_not_mix_their_names() -> None:
    def echo(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request_id.get())

    def ask_as(name: str) -> Any:
        return ask(echo, **{"X-Request-ID": name}).content.decode()

    names = [f"request-{n}" for n in range(8)]

    assert at_once(*[lambda name=name: ask_as(name) for name in names]) == names


@pytest.mark.parametrize(("line_buffering", "flushes"), [(True, 0), (False, 1)])
def test_line_is_written_at_once(line_buffering: bool, flushes: int) -> None:
    class Stream(io.TextIOWrapper):
        flushed = 0

        def flush(self) -> None:
            self.flushed += 1
            super().flush()

    raw = io.BytesIO()
    stream = Stream(io.BufferedWriter(raw), line_buffering=line_buffering)  # type: ignore[arg-type]

    LineHandler(stream).handle(logging.LogRecord("any", logging.INFO, "path", 1, "message", None, None))

    assert (raw.getvalue(), stream.flushed) == (b"message\n", flushes)
