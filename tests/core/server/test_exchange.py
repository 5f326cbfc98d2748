"""The head of a response is written as uvicorn writes it, with the same checks."""

import asyncio
import logging
from typing import Any

import pytest
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from core.server.connections import Exchange

LENGTH = (b"content-length", b"2")
DATE = (b"date", b"Sat, 28 Nov 2026 20:00:00 GMT")


class Flow:
    write_paused = False


class Transport:
    def __init__(self) -> None:
        self.written, self.is_closed = b"", False

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.is_closed = True


def sent_by(kind: type[RequestResponseCycle], headers: list[tuple[bytes, bytes]], **facts: Any) -> tuple[Any, ...]:
    """Return the bytes of a response with the body `ab`, and whether the connection was closed."""
    facts = {"method": "GET", "status": 200, "keep_alive": True} | facts
    transport, log = Transport(), logging.getLogger("test")

    async def send() -> None:
        cycle = kind(
            {"method": facts["method"]},  # type: ignore[typeddict-item]
            transport,  # type: ignore[arg-type]
            Flow(),  # type: ignore[arg-type]
            log,
            log,
            False,
            [DATE],
            asyncio.Event(),
            False,
            facts["keep_alive"],
            lambda: None,
        )
        await cycle.send({"type": "http.response.start", "status": facts["status"], "headers": headers})
        await cycle.send({"type": "http.response.body", "body": b"ab"})

    asyncio.run(send())
    return transport.written, transport.is_closed


@pytest.mark.parametrize(
    "headers",
    [
        [LENGTH, (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")],
        [(b"Content-Length", b"2"), (b"X-Mixed", b"\xe9")],
        [LENGTH, (b"connection", b"close")],
        [(b"transfer-encoding", b"chunked")],
        [(b"content-type", b"text/plain")],
    ],
)
@pytest.mark.parametrize("facts", [{}, {"keep_alive": False}, {"method": "HEAD"}, {"status": 201}])
def test_head_is_written_as_by_uvicorn(headers: list[tuple[bytes, bytes]], facts: dict[str, Any]) -> None:
    assert sent_by(Exchange, headers, **facts) == sent_by(RequestResponseCycle, headers, **facts)


@pytest.mark.parametrize("header", [(b"a b", b"c"), (b"a", b"b\r\nc: d"), (b"a", b"b\x00"), (b"a\r\nb", b"c")])
def test_invalid_header_is_refused(header: tuple[bytes, bytes]) -> None:
    with pytest.raises(RuntimeError, match="Invalid HTTP header"):
        sent_by(Exchange, [LENGTH, header])


def test_ordinary_head_is_not_checked_header_by_header(monkeypatch: pytest.MonkeyPatch) -> None:
    types: list[str] = []
    original = RequestResponseCycle.send

    async def send(cycle: RequestResponseCycle, message: Any) -> None:
        types.append(message["type"])
        await original(cycle, message)

    monkeypatch.setattr(RequestResponseCycle, "send", send)
    sent_by(Exchange, [LENGTH])

    assert types == ["http.response.body"]
