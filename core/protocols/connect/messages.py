"""Messages between the wire and a service: decoded and encoded on threads, within the size limits."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.conf import settings
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from core.errors import InvalidInput, TooLarge
from core.validation.containers import ContainerCounter
from core.validation.strict_json import BYTE_ORDER_MARK

PARSE_ERRORS = (DecodeError, json_format.ParseError, ValueError, TypeError, ArithmeticError, RecursionError, zlib.error)
GZIP = 31  # zlib's wbits for data with a gzip header and trailer


class Gzipped(bytes):
    """Content that is still compressed."""


class Gzip:
    """The compression `gzip` for connectrpc. It leaves decompression to the thread that decodes the message."""

    def name(self) -> str:
        return "gzip"

    def compress(self, data: bytes) -> bytes:
        raise NotImplementedError  # never called: the proxy in front compresses responses, as for REST

    def decompress(self, data: bytes, read_max_bytes: int | None = None) -> bytes:
        return Gzipped(data)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as the client sent it, encoded and perhaps compressed."""

    codec: "Codec"
    content: bytes

    def message(self, kind: type[Message], counter: ContainerCounter | None = None) -> Message:
        """Decode the message. `counter` limits its objects and lists; all messages of a call share one.

        Raises InvalidInput, TooComplex, TooLarge.
        """
        try:
            return self.codec.read(kind, self.unpacked(settings.GRPC_MAX_MESSAGE_BYTES), counter or ContainerCounter())
        except PARSE_ERRORS as error:
            raise InvalidInput("The message can't be read") from error

    def unpacked(self, limit: int) -> bytes:
        """Return the content, decompressed. Raises TooLarge above `limit` bytes, InvalidInput if it is incomplete."""
        content, is_whole = self.content, True
        if isinstance(content, Gzipped):
            unpacker = zlib.decompressobj(GZIP)
            content = unpacker.decompress(content, limit + 1)
            is_whole = unpacker.eof and not unpacker.unused_data
        if len(content) > limit:
            raise TooLarge(f"Message max is {limit} bytes")
        if not is_whole:
            raise InvalidInput("The message can't be read")
        return content


@dataclass(frozen=True, slots=True, eq=False)
class Codec:
    """One of the two encodings of a message. To connectrpc it is a codec that passes content on unchanged."""

    codec_name: str
    read: Callable[[type[Message], bytes, ContainerCounter], Message]
    write: Callable[[Message], bytes]

    def name(self) -> str:
        return self.codec_name

    def decode(self, data: bytes | bytearray, message_class: object) -> Sent:
        return Sent(self, data if isinstance(data, Gzipped) else bytes(data))

    def encode(self, content: bytes) -> bytes:
        return content


def _read_binary(kind: type[Message], content: bytes, counter: ContainerCounter) -> Message:
    message: Message = kind.FromString(content)
    return message


def _read_json(kind: type[Message], content: bytes, counter: ContainerCounter) -> Message:
    text = content.decode().removeprefix(BYTE_ORDER_MARK)
    if not text.lstrip().startswith("{"):  # protobuf would read a list or a string as a message without fields
        raise ValueError
    counter.count(text)
    message: Message = json_format.Parse(text, kind(), ignore_unknown_fields=True)
    return message


def _write_binary(message: Message) -> bytes:
    content: bytes = message.SerializeToString()
    return content


def _write_json(message: Message) -> bytes:
    text: str = json_format.MessageToJson(message, indent=None, ensure_ascii=False)
    return text.encode()


BINARY = Codec("proto", _read_binary, _write_binary)
JSON = Codec("json", _read_json, _write_json)


def messages_of(sent: Iterable[Sent], kind: type[Message]) -> Iterator[Message]:
    """Yield the decoded messages. Raises as `Sent.message`, and TooLarge above MAX_BODY_BYTES for all of them."""
    bytes_left, counter = settings.MAX_BODY_BYTES, ContainerCounter()
    for one in sent:
        content = one.unpacked(settings.GRPC_MAX_MESSAGE_BYTES)
        bytes_left -= len(content)
        if bytes_left < 0:
            raise TooLarge(f"All messages together: max is {settings.MAX_BODY_BYTES} bytes")
        yield Sent(one.codec, content).message(kind, counter)
