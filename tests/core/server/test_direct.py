"""Requests answered without an ASGI call, on real sockets: `fast` of tests/core/server/echo.py answers them."""

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.support.live import Server
from tests.support.processes import end
from tests.support.raw_http import all_of, answers_in
from tests.support.waiting import wait_until

pytestmark = pytest.mark.live
FAST = b"GET /fast HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET /fast?last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def start(folder: Any, **env: str) -> Server:
    server = Server(folder, {**os.environ, "LOG_LEVEL": "INFO", **env}, "tests.core.server.echo:application")
    server.wait_until_live()
    return server


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    started = start(tmp_path_factory.mktemp("direct"), MAX_BODY_BYTES="1000", FORWARDED_ALLOW_IPS="127.0.0.1")
    yield started
    end(started.process)


def sent(server: Server, *parts: bytes) -> bytes:
    """Send the parts, a moment between them, and return all that is received until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        for number, part in enumerate(parts):
            if number:
                time.sleep(0.1)  # so that the parts arrive apart
            client.sendall(part)
        return all_of(client)


def fast_requests(server: Server) -> list[str]:
    return httpx.get(f"{server.url}/fast-requests").text.split()


def longest_ms(server: Server) -> float:
    """Return the longest duration in the log."""
    return max(map(float, re.findall(r'"duration_ms": ([0-9.]+)', server.log)))


def test_response_is_that_of_the_fast_path_and_the_connection_is_kept(server):
    with httpx.Client(base_url=server.url) as client:
        first, second = client.get("/fast"), client.post("/fast", content=b"a body")

    assert (first.status_code, first.text, second.text) == (200, "fast", "a body")
    assert first.headers["content-type"] == "text/plain"
    assert "connection" not in first.headers


def test_unchanged_response_has_no_body(server):
    response = httpx.get(f"{server.url}/fast?unchanged")

    assert (response.status_code, response.content) == (304, b"")
    assert "content-length" not in response.headers


def test_pipelined_requests_are_answered_in_their_order(server):
    slow = FAST.replace(b"/fast", b"/fast?slept=0.3")
    ordinary = FAST.replace(b"/fast", b"/empty")

    received = sent(server, slow + FAST + ordinary + FAST.replace(b"GET", b"PUT") + LAST)

    assert [answer.status for answer in answers_in(received)] == [200, 200, 204, 200, 200]


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1\r\nConnection: close"])
def test_connection_is_closed_if_the_client_wants_that(server, version):
    (answer,) = answers_in(sent(server, FAST.replace(b"HTTP/1.1", version)))

    assert answer.headers["connection"] == "close"


def test_body_that_arrives_much_later_is_read_by_the_application(server):
    head = b"POST /fast?in-parts HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nConnection: close\r\n\r\n"

    received = sent(server, head, b"abc", b"def")

    assert b'"body_bytes": 6' in received
    assert "in-parts" not in fast_requests(server)


def test_body_that_is_expected_by_the_client_is_asked_for(server):
    head = b"POST /fast HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"

    received = sent(server, head, b"ab")

    assert received.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


def test_body_above_the_limit_is_refused(server):
    assert httpx.post(f"{server.url}/fast?large", content=b"x" * 1_001).status_code == 413
    assert "large" not in fast_requests(server)


def test_request_without_a_response_of_the_fast_path_reaches_the_application(server):
    response = httpx.post(f"{server.url}/fast?passes", content=b"body")

    assert response.json()["body_bytes"] == 4


def test_response_with_a_header_about_the_connection_is_sent_too(server):
    response = httpx.get(f"{server.url}/fast?odd")

    assert (response.text, response.headers["connection"]) == ("fast", "close")


def test_fault_is_500_without_its_text(server):
    response = httpx.get(f"{server.url}/fast?fails")

    assert response.status_code == 500
    assert "secret" not in response.text


def test_late_response_is_503_with_all_headers_and_the_next_request_is_answered(server):
    response = httpx.get(f"{server.url}/fast?slept=4.5")

    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert 4_000 <= longest_ms(server) < 60_000
    wait_until(lambda: "slept=4.5" in fast_requests(server))  # its thread is free again
    assert httpx.get(f"{server.url}/fast").status_code == 200


def test_one_request_too_many_is_503(server):
    def status(_: int) -> int:
        return httpx.get(f"{server.url}/fast?slept=1.5").status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = sorted(pool.map(status, range(8)))

    assert statuses == [200] * 4 + [503] * 4  # two run, two wait


def test_request_of_a_client_that_has_left_is_not_begun(server):
    holders = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(2)]
    for holder in holders:
        holder.sendall(FAST.replace(b"/fast", b"/fast?slept=0.5"))
    time.sleep(0.1)  # both threads are busy

    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(FAST.replace(b"/fast", b"/fast?left"))
        time.sleep(0.1)
    for holder in holders:
        holder.recv(1_000)
        holder.close()
    wait_until(lambda: httpx.get(f"{server.url}/fast").status_code == 200)

    assert "left" not in fast_requests(server)


def test_address_is_that_which_a_trusted_proxy_names(server):
    response = httpx.get(f"{server.url}/fast", headers={"X-Forwarded-For": "203.0.113.9"})

    assert response.headers["x-client"] == "203.0.113.9"


def test_both_ways_of_one_request_together_have_the_time_of_one(server):
    began = time.monotonic()

    response = httpx.get(f"{server.url}/fast?passes=2.5")  # the application takes as long again

    assert response.status_code == 503
    assert time.monotonic() - began < 4.9


def test_request_in_progress_at_the_end_is_answered(tmp_path):
    server = start(tmp_path)
    response = httpx.get(f"{server.url}/fast", headers={"X-Forwarded-For": "203.0.113.9"})
    assert response.headers["x-client"] == "127.0.0.1"  # no proxy is trusted

    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(FAST.replace(b"/fast", b"/fast?slept=0.5"))
        time.sleep(0.1)  # the server has it
        server.process.send_signal(signal.SIGTERM)
        (answer,) = answers_in(all_of(client))

    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert server.process.wait(10) in (0, -signal.SIGTERM)
