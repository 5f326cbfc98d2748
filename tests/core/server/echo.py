"""A WSGI application that shows what the bridge does, in the place of Django: `tests.core.server.echo:application`."""

import json
import os
import threading
import time

from ecommerce import asgi  # first, because it sets up Django

# isort: split
from core.server.bridge import Bridge
from core.server.bridge.direct import DirectCalls
from core.server.bridge.fast_path import ORDINARY, FastPathResult
from core.server.bridge.responses import whole_response
from core.server.security_headers import with_security_headers
from core.server.threads import ThreadPool

FILE_BYTES, TIMEOUT_S = 5_000_000, 4
gate = threading.Event()
closed: list[str] = []
fast_requests: list[bytes] = []


class Stream:
    """What Django's StreamingHttpResponse is to a server."""

    streaming = True

    def __init__(self, parts):
        self.parts = parts

    def __iter__(self):
        return iter(self.parts)

    def close(self):
        closed.append("stream")


def echo(environ, start_response):
    return ACTIONS.get(environ["PATH_INFO"], _shown)(environ, start_response)


def _passed(environ, start_response):
    time.sleep(float(environ["QUERY_STRING"].partition("=")[2] or 0))
    return _shown(environ, start_response)


def _shown(environ, start_response):
    body = environ["wsgi.input"].read()
    texts = {key: value for key, value in environ.items() if isinstance(value, str)}
    content = json.dumps({"environ": texts, "body_bytes": len(body)}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("X-Name", "\xfc")])
    return [content]


def _empty(environ, start_response):
    start_response("204 No Content", [("Content-Length", "0")])
    return [b""]


def _slow(environ, start_response):
    time.sleep(float(environ["QUERY_STRING"]))
    return _text(start_response, b"slept")


def _fault(environ, start_response):
    raise RuntimeError("a secret")


def _gated(environ, start_response):
    def parts():
        yield b"one"
        assert gate.wait(10)
        yield b"two"

    start_response("200 OK", [("Content-Type", "text/plain")])
    return Stream(parts())


def _open_gate(environ, start_response):
    gate.set()
    return _text(start_response, b"open")


def _endless(environ, start_response):
    def parts():
        while True:
            yield b"x" * 200_000

    start_response("200 OK", [("Content-Type", "text/plain")])
    return Stream(parts())


def _file(environ, start_response):
    file = open(os.devnull, "rb")  # noqa: SIM115  # closed by the server, as PEP 3333 says
    left = [FILE_BYTES]

    class Zeroes:
        def read(self, size):
            size = min(size, left[0])
            left[0] -= size
            return b"\0" * size

        def close(self):
            file.close()
            closed.append(environ["QUERY_STRING"])

    start_response("200 OK", [("Content-Length", str(FILE_BYTES))])
    return environ["wsgi.file_wrapper"](Zeroes(), 1000)


def _closed(environ, start_response):
    return _text(start_response, " ".join(closed).encode())


def _text(start_response, content):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [content]


def fast(scope, body):
    """The fast path of /fast: `?slept=1.5` sleeps, `?fails` raises, `?passes=1.5` sleeps and has no response."""
    what, _, seconds = scope["query_string"].decode().partition("=")
    if what == "slept":
        time.sleep(float(seconds))
    if what == "fails":
        raise RuntimeError("a secret")
    if what == "passes":
        time.sleep(float(seconds or 0))
        return ORDINARY
    fast_requests.append(scope["query_string"])
    headers = [(b"content-type", b"text/plain"), (b"x-client", scope["client"][0].encode())]
    if what == "odd":
        headers.append((b"connection", b"close"))
    return FastPathResult(whole_response(304 if what == "unchanged" else 200, headers, body or b"fast"))


def _fast_requests(environ, start_response):
    return _text(start_response, b" ".join(fast_requests))


ACTIONS = {
    "/empty": _empty,
    "/fast": _passed,
    "/slow": _slow,
    "/fault": _fault,
    "/gated": _gated,
    "/open-gate": _open_gate,
    "/endless": _endless,
    "/file": _file,
    "/closed": _closed,
    "/fast-requests": _fast_requests,
}
threads = ThreadPool("echo", size=2, max_waiting=2)
asgi.web = Bridge(echo, threads, TIMEOUT_S)
late = with_security_headers(asgi.web.refuse_late)
asgi.direct = DirectCalls(fast, lambda scope: scope["path"] == "/fast", threads, TIMEOUT_S, late)
application = asgi.application
