"""One POST over real sockets: where it goes, how long it may take, and what of the answer is kept."""

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from tests.support.live import free_port
from tests.support.waiting import PATIENCE_S
from tests.webhooks.servers import OK, answer, server
from webhooks.client import Client, HookResponse, PostFailed
from webhooks.errors import RefusedUrl

TIMEOUT_S = 1.0
BUSY_S = 20  # what a busy machine may add; the receivers hang for a minute or more


@pytest.fixture(autouse=True)
def loopback(settings: Any) -> None:
    settings.WEBHOOK_ALLOW_HTTP, settings.WEBHOOK_PRIVATE_NETWORKS = True, ["127.0.0.1/32"]


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client(4)
    yield client
    client.close()


def post(client: Client, url: str, timeout_s: float = PATIENCE_S) -> HookResponse:
    return client.post(url, headers={"webhook-id": "msg_1"}, body=b'{"n":1}', timeout_s=timeout_s)


def failure(client: Client, url: str, timeout_s: float = PATIENCE_S) -> str:
    with pytest.raises(PostFailed) as failed:
        post(client, url, timeout_s)
    return str(failed.value)


def drip(first: bytes) -> Any:
    """Send a byte at a time, each well within any limit of a single wait, without an end."""

    def act(channel: socket.socket) -> None:
        channel.sendall(first)
        while True:
            channel.sendall(b"x")
            time.sleep(0.1)

    return act


def test_request_is_a_post_with_its_headers_and_body(client: Client) -> None:
    with server(OK) as receiver:
        got = post(client, f"http://127.0.0.1:{receiver.port}/hook?key=1")

    assert got == HookResponse(200, b"ok", None)
    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /hook?key=1 HTTP/1.1",
        f"Host: 127.0.0.1:{receiver.port}".encode(),
        b"user-agent: three-tongues-shop-webhooks/1",
        b"content-type: application/json",
        b"webhook-id: msg_1",
        b"Content-Length: 7",
    ]
    assert body == b'{"n":1}'


def test_connection_is_used_again(client: Client) -> None:
    with server(OK) as receiver:
        for _ in range(3):
            post(client, f"http://127.0.0.1:{receiver.port}/")

    assert (len(receiver.requests), receiver.connections) == (3, 1)


# -- Where it goes --------------------------------------------------------------------------------------------------
class Resolver:
    """A name server whose answers change from one question to the next, as one who rebinds a name has it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
        self.answers, self.asked, self.real = list(answers), 0, socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self)

    def __call__(self, host: str, port: int, *args: Any, **options: Any) -> list[Any]:
        if host != "rebound.example":
            return self.real(host, port, *args, **options)
        self.asked += 1
        addresses = self.answers.pop(0)
        return [entry for address in addresses for entry in self.real(address, port, *args, **options)]


def test_connection_is_made_to_the_address_that_was_checked(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with server(OK) as good, socket.create_server(("127.0.0.2", good.port)) as private:
        private.settimeout(0.2)
        resolver = Resolver(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])

        assert post(client, f"http://rebound.example:{good.port}/").status == 200

        assert (resolver.asked, len(good.requests)) == (1, 1)
        assert b"Host: rebound.example:" in good.requests[0]
        with pytest.raises(TimeoutError):
            private.accept()


@pytest.mark.parametrize("addresses", [["127.0.0.2"], ["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.1"]])
def test_name_that_was_rebound_since_is_refused_before_a_connection(
    client: Client, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    closing = answer("200 OK", "Connection: close", body=b"ok")
    with server(closing) as good, socket.create_server(("127.0.0.2", good.port)) as private:
        private.settimeout(0.2)
        resolver = Resolver(monkeypatch, ["127.0.0.1"], addresses)
        assert post(client, f"http://rebound.example:{good.port}/").status == 200

        with pytest.raises(
            RefusedUrl, match=r"rebound\.example resolves to 127\.0\.0\.2, which is not a public address"
        ):
            post(client, f"http://rebound.example:{good.port}/")

        assert (resolver.asked, good.connections) == (2, 1)
        with pytest.raises(TimeoutError):
            private.accept()


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_redirect_is_an_answer_and_is_not_followed(client: Client, status: str) -> None:
    with server(OK) as private:
        location = f"Location: http://127.0.0.1:{private.port}/admin"
        with server(answer(status, location)) as receiver:
            assert post(client, f"http://127.0.0.1:{receiver.port}/").status == int(status[:3])

    assert private.connections == 0


def test_proxy_of_the_environment_is_not_asked(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with server(OK) as proxy, server(OK) as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

        post(client, f"http://127.0.0.1:{receiver.port}/")

    assert (proxy.connections, receiver.connections) == (0, 1)


def test_address_that_does_not_answer_is_followed_by_the_next(
    client: Client, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.WEBHOOK_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    with server(OK) as receiver:
        Resolver(monkeypatch, ["127.0.0.9", "127.0.0.1"])

        assert post(client, f"http://rebound.example:{receiver.port}/").status == 200


def test_url_that_is_not_taken_any_more_is_not_sent_to(client: Client, settings: Any) -> None:
    settings.WEBHOOK_ALLOW_HTTP = False
    with server(OK) as receiver, pytest.raises(RefusedUrl, match="must begin with https://"):
        post(client, f"http://127.0.0.1:{receiver.port}/")

    assert receiver.connections == 0


# -- How long it takes ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "act",
    [
        lambda channel: time.sleep(60),
        drip(b"HTTP/1.1 200 OK\r\nX-Endless: "),
        drip(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 Continue\r\nX: "),
    ],
    ids=["silent", "header", "continue"],
)
@pytest.mark.live
def test_answer_that_does_not_end_is_given_up_in_time(client: Client, act: Any) -> None:
    with server(act) as receiver:
        begun = time.monotonic()
        text = failure(client, f"http://127.0.0.1:{receiver.port}/", TIMEOUT_S)

    assert text == "No response within 1 s"
    assert time.monotonic() - begun < TIMEOUT_S + BUSY_S


@pytest.mark.live
def test_body_that_drips_does_not_change_the_answer_and_ends_in_time(client: Client) -> None:
    with server(drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")) as receiver:
        begun = time.monotonic()
        got = post(client, f"http://127.0.0.1:{receiver.port}/", TIMEOUT_S)

    assert got.status == 200
    assert got.body.startswith(b"xxx")
    assert time.monotonic() - begun < TIMEOUT_S + BUSY_S


@pytest.mark.live
def test_listener_that_takes_no_connection_is_given_up_in_time(client: Client) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        begun = time.monotonic()

        assert failure(client, f"http://127.0.0.1:{full.getsockname()[1]}/", TIMEOUT_S) == "No response within 1 s"

        assert time.monotonic() - begun < TIMEOUT_S + BUSY_S
        for one in waiting:
            one.close()


# -- What comes back ------------------------------------------------------------------------------------------------
def test_body_is_read_up_to_a_bound(client: Client) -> None:
    endless = b"HTTP/1.1 500 Error\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"a" * 4096 + b"\r\n"

    def act(channel: socket.socket) -> None:
        channel.sendall(endless)
        while True:
            channel.sendall(b"1000\r\n" + b"a" * 4096 + b"\r\n")

    with server(act) as receiver:
        got = post(client, f"http://127.0.0.1:{receiver.port}/")

    assert (got.status, got.body) == (500, b"a" * 16 * 1024)


def test_head_without_end_is_refused(client: Client) -> None:
    def act(channel: socket.socket) -> None:
        channel.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            channel.sendall(b"X-More: " + b"a" * 8_000 + b"\r\n")

    with server(act) as receiver:
        assert failure(client, f"http://127.0.0.1:{receiver.port}/") == "Receive buffer too long"


def test_closed_connection_and_closed_port_are_told_apart(client: Client) -> None:
    with server(lambda channel: channel.close()) as receiver:
        assert (
            failure(client, f"http://127.0.0.1:{receiver.port}/") == "Server disconnected without sending a response."
        )

    assert "Connection refused" in failure(client, f"http://127.0.0.1:{free_port()}/")


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("Retry-After: 120", 120.0),
        ("retry-after: 0", 0.0),
        ("Retry-After: soon", None),
        ("Retry-After: -1", None),
        ("Retry-After: 99999999999999999999", 999_999_999.0),
        ("X-Other: 1", None),
    ],
)
def test_retry_after_is_read(client: Client, field: str, expected: float | None) -> None:
    with server(answer("429 Slow Down", field)) as receiver:
        assert post(client, f"http://127.0.0.1:{receiver.port}/") == HookResponse(429, b"", expected)


def test_retry_after_may_be_a_date(client: Client) -> None:
    with server(answer("503 Busy", f"Retry-After: {formatdate(time.time() + 600, usegmt=True)}")) as receiver:
        requested_s = post(client, f"http://127.0.0.1:{receiver.port}/").retry_after_s

    assert requested_s is not None
    assert 500 < requested_s <= 600


# -- TLS ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def certificate(tmp_path: Path, requires_openssl: None) -> Path:
    """A key and a certificate for shop.example, signed by itself."""
    pair = tmp_path / "pair.pem"
    name = ["-subj", "/CN=shop.example", "-addext", "subjectAltName=DNS:shop.example"]
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    subprocess.run([*command, *name, *files], check=True, capture_output=True, timeout=30)
    pair.write_bytes((tmp_path / "key.pem").read_bytes() + (tmp_path / "cert.pem").read_bytes())
    return pair


def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusting(certificate: Path, settings: Any) -> Iterator[Client]:
    settings.WEBHOOK_CA_FILE = str(certificate.with_name("cert.pem"))
    client = Client(4)
    yield client
    client.close()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo
    ours = ("shop.example", "other.example")
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *args, **options: real("127.0.0.1" if host in ours else host, *args, **options),
    )


@pytest.mark.usefixtures("names")
def test_tls_is_verified_against_the_name_in_the_url(certificate: Path, trusting: Client) -> None:
    with server(OK, tls(certificate)) as receiver:
        assert post(trusting, f"https://shop.example:{receiver.port}/").status == 200
        wrong_name = failure(trusting, f"https://other.example:{receiver.port}/")
        no_name = failure(trusting, f"https://127.0.0.1:{receiver.port}/")

    assert "Hostname mismatch" in wrong_name
    assert "IP address mismatch" in no_name
    assert len(receiver.requests) == 1


@pytest.mark.usefixtures("names")
def test_certificate_of_nobody_known_is_refused(certificate: Path, client: Client) -> None:
    with server(OK, tls(certificate)) as receiver:
        text = failure(client, f"https://shop.example:{receiver.port}/")

    assert "CERTIFICATE_VERIFY_FAILED" in text
    assert receiver.requests == []


@pytest.mark.usefixtures("names")
@pytest.mark.live
def test_handshake_that_does_not_end_is_given_up_in_time(trusting: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        begun = time.monotonic()
        text = failure(trusting, f"https://shop.example:{mute.getsockname()[1]}/", TIMEOUT_S)

    assert text == "No response within 1 s"
    assert time.monotonic() - begun < TIMEOUT_S + BUSY_S
