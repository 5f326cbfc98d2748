"""gRPC-Web as text: the frames of `application/grpc-web+proto` in base64 (PROTOCOL-WEB, "Text-encoded streams").

Google's client needs it for streams, and uses it by default.
"""

import base64
import binascii
import re

from core.errors import InvalidInput

FRAMES, FRAMES_AS_TEXT = "application/grpc-web+proto", "application/grpc-web-text+proto"
TEXTS = ("application/grpc-web-text", FRAMES_AS_TEXT)
_PADDED = re.compile(rb"[A-Za-z0-9+/]+={0,2}")


def decoded(body: bytes) -> bytes:
    """Decode a body: one base64 text, or several with padding between them. Raises InvalidInput."""
    texts = _PADDED.findall(body)
    try:
        if sum(map(len, texts)) != len(body):
            raise InvalidInput("The body is not base64")
        return b"".join(map(base64.b64decode, texts))
    except binascii.Error as error:
        raise InvalidInput("The body is not base64") from error


def text_headers(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers of a response whose parts are each sent as padded base64."""
    kept = [(name, value) for name, value in headers if name.lower() not in (b"content-type", b"content-length")]
    return [*kept, (b"content-type", FRAMES_AS_TEXT.encode())]
