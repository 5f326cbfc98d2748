"""What the bridge between ASGI and WSGI does with requests, on a real socket."""

import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.support.live import Server
from tests.support.processes import end
from tests.support.waiting import wait_until

pytestmark = pytest.mark.live

MAX_BODY_BYTES = 10_000
THREADS, PLACES, FILE_BYTES = 2, 4, 5_000_000  # of tests/core/server/echo.py: two run, two wait


@pytest.fixture(scope="module")
def start_server(tmp_path_factory) -> Iterator[Callable[..., Server]]:
    servers = []

    def start(**limits: str) -> Server:
        env = {**os.environ, "LOG_LEVEL": "INFO", **limits}
        servers.append(Server(tmp_path_factory.mktemp("echo"), env, "tests.core.server.echo:application"))
        servers[-1].wait_until_live()
        return servers[-1]

    yield start
    end(*(server.process for server in servers))


@pytest.fixture(scope="module")
def server(start_server) -> Server:
    return start_server(MAX_BODY_BYTES=str(MAX_BODY_BYTES), BODY_TIMEOUT_S="1", SEND_TIMEOUT_S="1")


@pytest.fixture
def sockets(server) -> Iterator[Callable[..., socket.socket]]:
    """Open a connection and send bytes on it; all are closed when the test ends."""
    opened = []

    def send(text: str, body: bytes = b"", to: Server = server) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", to.port), timeout=10)
        opened.append(connection)
        connection.sendall(text.replace("\n", "\r\n").encode() + body)
        return connection

    yield send
    for connection in opened:
        connection.close()


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    received = b""
    while wanted not in received:
        part = connection.recv(65_536)
        assert part, f"closed after {received!r}"
        received += part
    return received


def read_to_end(connection: socket.socket) -> bytes:
    received = b""
    while part := connection.recv(65_536):
        received += part
    return received


def closed(server: Server, kind: str) -> int:
    """How many streams or files the application saw closed."""
    return httpx.get(f"{server.url}/closed").text.split().count(kind)


def environ_of(answer: bytes) -> dict[str, str]:
    return json.loads(answer.split(b"\r\n\r\n", 1)[1])["environ"]


def test_environ_is_that_of_pep_3333(server):
    answer = httpx.post(f"{server.url}/caf%C3%A9/%2F?q=%C3%A9&q=2", json={"a": 1}, headers={"X-Token": "t"})

    environ = answer.json()["environ"]
    wanted = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/caf\xc3\xa9//",
        "QUERY_STRING": "q=%C3%A9&q=2",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": "7",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(server.port),
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "HTTP_X_TOKEN": "t",
    }
    assert {key: environ[key] for key in wanted} == wanted
    assert "HTTP_CONTENT_TYPE" not in environ


def test_repeated_headers_are_joined_and_dangerous_ones_dropped(sockets):
    connection = sockets(
        "GET / HTTP/1.1\nHost: a\nConnection: close\nAccept: a\nAccept: b\nCookie: c=1\nCookie: d=2\n"
        "Proxy: http://evil\nX_Forwarded_For: 1.2.3.4\nX-Forwarded-For: 9.9.9.9\n\n"
    )

    environ = environ_of(read_to_end(connection))

    assert (environ["HTTP_ACCEPT"], environ["HTTP_COOKIE"]) == ("a,b", "c=1; d=2")
    assert "HTTP_PROXY" not in environ
    assert (environ["HTTP_X_FORWARDED_FOR"], environ["REMOTE_ADDR"]) == ("9.9.9.9", "127.0.0.1")


def test_answer_header_of_latin_1_arrives(server):
    assert httpx.get(server.url).headers["x-name"].encode("latin-1") == b"\xfc"


def test_chunked_body_arrives_whole(server):
    answer = httpx.post(server.url, content=iter([b"x" * 4_000, b"y" * 4_000])).json()

    assert (answer["body_bytes"], answer["environ"]["CONTENT_LENGTH"]) == (8_000, "8000")
    assert "HTTP_TRANSFER_ENCODING" not in answer["environ"]


def test_body_of_the_limit_passes_and_one_byte_more_does_not(server):
    assert httpx.post(server.url, content=b"x" * MAX_BODY_BYTES).json()["body_bytes"] == MAX_BODY_BYTES

    answer = httpx.post(server.url, content=b"x" * (MAX_BODY_BYTES + 1))

    assert answer.status_code == 413
    assert answer.json() == {
        "error": "Body max is 10000 bytes",
        "code": "too_large",
        "request_id": answer.headers["x-request-id"],
    }
    assert answer.headers["connection"] == "close"


def test_chunked_body_above_the_limit_is_refused_while_it_is_sent(server):
    answer = httpx.post(server.url, content=(b"x" * 1_000 for _ in range(5_000)))

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_announced_body_is_refused_before_it_is_sent(sockets):
    connection = sockets("POST / HTTP/1.1\nHost: a\nContent-Length: 1000000\nExpect: 100-continue\n\n")

    answer = read_until(connection, b"too_large")

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_refusal_takes_the_request_id_of_the_client_and_is_logged(server):
    answer = httpx.post(server.url, content=b"x" * 20_000, headers={"X-Request-ID": "order-4711"})

    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "order-4711"
    (line,) = (json.loads(line) for line in server.log.splitlines() if "order-4711" in line)
    assert (line["message"], line["path"], line["status"]) == ("request", "/", 413)


def test_client_that_expects_100_continue_gets_it(sockets):
    connection = sockets("POST / HTTP/1.1\nHost: a\nConnection: close\nContent-Length: 3\nExpect: 100-continue\n\n")

    assert read_until(connection, b"\r\n\r\n").startswith(b"HTTP/1.1 100 ")
    connection.sendall(b"abc")

    assert json.loads(read_to_end(connection).split(b"\r\n\r\n", 1)[1])["body_bytes"] == 3


def test_head_has_the_headers_and_no_body(sockets):
    answer = read_to_end(sockets("HEAD / HTTP/1.1\nHost: a\nConnection: close\n\n"))

    assert int(re.search(rb"content-length: (\d+)", answer)[1]) > 100
    assert answer.endswith(b"\r\n\r\n")


def test_204_has_no_length(sockets):
    answer = read_to_end(sockets("GET /empty HTTP/1.1\nHost: a\nConnection: close\n\n"))

    assert answer.startswith(b"HTTP/1.1 204 ")
    assert b"content-length" not in answer
    assert b"transfer-encoding" not in answer


def test_stream_is_sent_part_by_part(server):
    with httpx.stream("GET", f"{server.url}/gated", timeout=10) as answer:
        parts = answer.iter_raw()
        assert next(parts) == b"one"
        assert httpx.get(f"{server.url}/open-gate").text == "open"
        assert next(parts) == b"two"


def test_stream_ends_when_its_client_leaves(server):
    before = closed(server, "stream")

    with httpx.stream("GET", f"{server.url}/endless") as answer:
        next(answer.iter_raw())

    wait_until(lambda: closed(server, "stream") > before)
    assert closed(server, "stream") == before + 1


def test_stream_that_nobody_reads_gives_its_thread_back(server, sockets):
    before = closed(server, "stream")

    for _ in range(THREADS):
        sockets("GET /endless HTTP/1.1\nHost: a\n\n")

    wait_until(lambda: closed(server, "stream") >= before + THREADS)
    assert closed(server, "stream") == before + THREADS


def test_file_is_sent_whole_and_closed(server):
    answer = httpx.get(f"{server.url}/file?whole")

    assert len(answer.content) == FILE_BYTES
    wait_until(lambda: closed(server, "whole") == 1)


def test_slow_clients_hold_no_thread(start_server, sockets):
    patient = start_server(BODY_TIMEOUT_S="600", SEND_TIMEOUT_S="600")
    for _ in range(2 * PLACES):
        sockets("GET /file HTTP/1.1\nHost: a\n\n", to=patient)  # downloads that nobody reads
        sockets("POST / HTTP/1.1\nHost: a\nContent-Length: 9000\n\n", b"x", to=patient)  # bodies that do not come

    wait_until(lambda: httpx.get(patient.url).status_code == 200)  # 503 while the downloads begin


def test_body_that_does_not_come_is_refused(sockets):
    connection = sockets("POST / HTTP/1.1\nHost: a\nContent-Length: 9000\n\n", b"x")

    answer = read_until(connection, b"invalid_input")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"The body did not arrive within 1 s" in answer


def test_request_too_many_is_told_when_to_come_back(server):
    with ThreadPoolExecutor(PLACES + 3) as clients:
        asked = {"url": f"{server.url}/slow?1", "headers": {"Accept": "application/json"}, "timeout": 10}
        answers = list(clients.map(lambda _: httpx.get(**asked), range(PLACES + 3)))

    refusals = [answer for answer in answers if answer.status_code == 503]
    assert len(refusals) == 3
    assert [answer.text for answer in answers if answer.status_code == 200] == ["slept"] * PLACES
    assert refusals[0].headers["retry-after"] == "1"
    assert refusals[0].json()["code"] == "unavailable"


def test_request_whose_client_left_is_not_begun(server, sockets):
    running = [sockets("GET /slow?0.6 HTTP/1.1\nHost: a\n\n") for _ in range(THREADS)]
    time.sleep(0.2)
    for _ in range(PLACES - THREADS):
        sockets("GET /slow?30 HTTP/1.1\nHost: a\n\n").close()
    for connection in running:
        read_until(connection, b"slept")

    assert httpx.get(server.url, timeout=10).status_code == 200  # a request that is begun takes 30 s


def test_fault_outside_django_is_json_and_tells_nothing(server):
    answer = httpx.get(f"{server.url}/fault")

    assert answer.status_code == 500
    assert answer.json() == {
        "error": "Internal server error",
        "code": "internal",
        "request_id": answer.headers["x-request-id"],
    }
    assert "a secret" in server.log


def test_server_that_ends_lets_requests_finish_but_not_for_ever(start_server, sockets):
    server = start_server()
    idle = sockets("GET / HTTP/1.1\nHost: a\n\n", to=server)
    read_until(idle, b"body_bytes")
    finishing, hanging, stalled = (
        sockets("GET /slow?1.5 HTTP/1.1\nHost: a\n\n", to=server),
        sockets("GET /slow?60 HTTP/1.1\nHost: a\n\n", to=server),
        sockets("POST / HTTP/1.1\nHost: a\nContent-Length: 9\n\n", b"x", to=server),
    )
    time.sleep(0.3)

    seconds = server.stop()

    assert seconds < 20  # after the grace of 3 s, and not of the minute that a request takes
    assert read_to_end(finishing).endswith(b"slept")
    assert read_to_end(hanging).startswith(b"HTTP/1.1 503 ")
    assert read_to_end(stalled).startswith(b"HTTP/1.1 503 ")
    assert "Traceback" not in server.log
