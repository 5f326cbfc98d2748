"""gRPC-Web as text: the frames of `application/grpc-web+proto` in base64 (PROTOCOL-WEB, "Text-encoded streams").

It is what Google's client needs for streams, and what it sends where nothing else was chosen.
"""

import base64
import binascii
import re

from ecommerce.errors import InvalidInput

FRAMES, FRAMES_AS_TEXT = "application/grpc-web+proto", "application/grpc-web-text+proto"
TEXTS = ("application/grpc-web-text", FRAMES_AS_TEXT)
_PADDED = re.compile(rb"[A-Za-z0-9+/]+={0,2}")


def read(body: bytes) -> bytes:
    """Decode a body: one text, or several with padding between them. Raises InvalidInput."""
    texts = _PADDED.findall(body)
    try:
        if sum(map(len, texts)) != len(body):
            raise InvalidInput("The body is not base64")
        return b"".join(map(base64.b64decode, texts))
    except binascii.Error as error:
        raise InvalidInput("The body is not base64") from error


def written(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer as those of its text; each piece of its body becomes a text with padding."""
    kept = [(name, value) for name, value in headers if name.lower() not in (b"content-type", b"content-length")]
    return [*kept, (b"content-type", FRAMES_AS_TEXT.encode())]
