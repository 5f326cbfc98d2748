"""PEP 3333's picture of a request that came over ASGI."""

import sys
from functools import lru_cache
from io import BytesIO
from typing import Any

from ecommerce import limits
from ecommerce.bodies import Scope
from ecommerce.bridge.answers import FileWrapper
from ecommerce.live.events import STREAMS

_SAME_FOR_ALL = {
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.file_wrapper": FileWrapper,
    STREAMS: limits.hold_stream,
}


def environ_of(scope: Scope, body: bytes) -> dict[str, Any]:
    """Return the environ of WSGI: texts are the bytes of UTF-8 read as Latin-1."""
    root = scope.get("root_path", "")
    server, client = scope.get("server") or ("localhost", 80), scope.get("client") or ("", 0)
    environ = {
        **_SAME_FOR_ALL,
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": root.encode().decode("latin-1"),
        "PATH_INFO": scope["path"].removeprefix(root).encode().decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client[0],
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": BytesIO(body),
    }
    for name, value in scope["headers"]:
        if key := _environ_key(name):
            text = value.decode("latin-1")
            environ[key] = f"{environ[key]}{_JOINT.get(key, ',')}{text}" if key in environ else text
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))  # a chunked body has it too, now that it is whole
    return environ


_JOINT = {"HTTP_COOKIE": "; "}  # RFC 9113, 8.2.3; any other header that is sent twice is a list


@lru_cache(maxsize=1024)
def _environ_key(name: bytes) -> str | None:
    """Name a header as CGI does; None for one that is not passed on.

    An underscore is dropped, because X_Forwarded_For would pass for X-Forwarded-For; Proxy, because HTTP_PROXY is what
    HTTP clients take their proxy from; Transfer-Encoding, because the body has arrived.
    """
    if b"_" in name or name in (b"proxy", b"transfer-encoding"):
        return None
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
