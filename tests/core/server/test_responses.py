"""Responses of the WSGI application, and connections, outside of a server."""

import asyncio
import io
import signal
import threading

import pytest

from core.protocols.live.transports import cut_off
from core.server.bridge.responses import DetachedStream, FileWrapper, WsgiResponse, drop
from core.server.shutdown import begin_with_signals


class Stream(DetachedStream):
    is_released = False

    def release(self) -> None:
        self.is_released = True


def test_response_that_is_not_sent_releases_its_stream_or_file() -> None:
    stream, file = Stream(), io.BytesIO(b"a file")

    drop(None)
    drop(WsgiResponse(200, [], b""))
    drop(WsgiResponse(200, [], b"", stream))
    drop(WsgiResponse(200, [], b"", FileWrapper(file)))

    assert stream.is_released
    assert file.closed


def test_stream_without_a_release_is_refused() -> None:
    with pytest.raises(NotImplementedError):
        DetachedStream().release()


def test_connection_that_can_not_be_reached_is_reported(caplog) -> None:
    async def send(message: object) -> None:
        raise AssertionError(message)

    assert cut_off(send) is False
    assert "can't be disconnected" in caplog.text


def test_server_on_another_thread_keeps_the_handlers_of_signals() -> None:
    before = signal.getsignal(signal.SIGTERM)
    outcomes: list[object] = []

    async def begin() -> None:
        begin_with_signals()

    thread = threading.Thread(target=lambda: outcomes.append(asyncio.run(begin())))
    thread.start()
    thread.join()

    assert outcomes == [None]
    assert signal.getsignal(signal.SIGTERM) is before
