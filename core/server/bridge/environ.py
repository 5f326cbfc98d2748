"""The WSGI environ (PEP 3333) of a request received over ASGI."""

import codecs
import sys
from functools import lru_cache
from io import BytesIO

from django.utils.http import parse_header_parameters

from core.errors import InvalidInput, UnsupportedMediaType
from core.rates import limits
from core.server.asgi import ARRIVED, Environ, Scope, arrived_at
from core.server.bridge.fast_path import FastPathResult
from core.server.bridge.responses import FileWrapper

COUNTED = "ecommerce.budget"  # the caller's remaining budget, if the fast path has counted the request
FAILED = "ecommerce.failure"  # the exception of the action, if the fast path has called it
STREAMS = "ecommerce.streams"  # the function that counts a caller's stream; set if the server can send streams

_SAME_FOR_ALL = {
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.file_wrapper": FileWrapper,
    STREAMS: limits.hold_stream,
}


def environ_of(scope: Scope, body: bytes) -> Environ:
    """Return the WSGI environ; as PEP 3333 demands, its strings are UTF-8 bytes decoded as Latin-1.

    Raises InvalidInput if the Content-Type can't be parsed, UnsupportedMediaType if its charset decodes no text.
    """
    root = scope.get("root_path", "")
    server, client = scope.get("server") or ("localhost", 80), scope.get("client") or ("", 0)
    environ: Environ = {
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
        ARRIVED: arrived_at(scope),
    }
    for name, value in scope["headers"]:
        if key := _environ_key(name):
            text = value.decode("latin-1")
            environ[key] = f"{environ[key]}{_SEPARATORS.get(key, ',')}{text}" if key in environ else text
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))  # also for a chunked body, as all of it has arrived
    if "=" in environ.get("CONTENT_TYPE", ""):
        _check_content_type(environ["CONTENT_TYPE"])
    return environ


def begun_by_fast_path(result: FastPathResult) -> Environ:
    """Return the additions to the environ for a request that the fast path has begun."""
    return {COUNTED: result.budget, FAILED: result.error}


@lru_cache(maxsize=256)
def _check_content_type(text: str) -> None:
    """Raise for a Content-Type with which Django would respond with 500, even to a GET.

    Raises InvalidInput if an encoded parameter (RFC 2231) can't be parsed. Raises UnsupportedMediaType if Python knows
    the charset, but can't decode a query string or a form with it. Django ignores unknown charsets.
    """
    try:
        charset = parse_header_parameters(text)[1].get("charset", "")
    except ValueError as error:
        raise InvalidInput("Content-Type is malformed") from error
    if charset and _is_known(charset):
        try:
            b"name=\xff".decode(charset, "replace")
        except (LookupError, ValueError) as error:
            raise UnsupportedMediaType(f"charset {charset} is not supported") from error


def _is_known(charset: str) -> bool:
    try:
        codecs.lookup(charset)
    except LookupError:
        return False
    return True


_SEPARATORS = {"HTTP_COOKIE": "; "}  # RFC 9113, 8.2.3; the values of any other repeated header are joined by commas


@lru_cache(maxsize=1024)
def _environ_key(name: bytes) -> str | None:
    """Return the CGI name of a header; None if the header is dropped.

    Dropped are names with an underscore, because X_Forwarded_For would look like X-Forwarded-For; Proxy, because HTTP
    clients read their proxy from HTTP_PROXY; Transfer-Encoding, because the whole body has arrived.
    """
    if b"_" in name or name in (b"proxy", b"transfer-encoding"):
        return None
    key = name.decode("latin-1").upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
