"""Messages between the wire and a service: read and written on threads, and never longer than is allowed."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from ecommerce.errors import InvalidInput, TooLarge

GZIP = 31  # zlib's number for a header and a trailer of gzip around what is packed


class Gzipped(bytes):
    """What is still packed."""


class Gzip:
    """connectrpc's compression `gzip`, which leaves the work to the thread that reads the message."""

    def name(self) -> str:
        return "gzip"

    def compress(self, data: bytes) -> bytes:
        raise NotImplementedError  # no answer is compressed: that is for the proxy in front, as with REST

    def decompress(self, data: bytes, read_max_bytes: int | None = None) -> bytes:
        return Gzipped(data)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message as it came."""

    form: "Form"
    content: bytes

    def message(self, kind: type[Message]) -> Message:
        """Read it. Raises InvalidInput, and TooLarge by what it unpacks to."""
        try:
            return self.form.read(kind, self.unpacked(settings.GRPC_MAX_MESSAGE_BYTES))
        except (DecodeError, json_format.ParseError, ValueError, TypeError, RecursionError, zlib.error) as error:
            raise InvalidInput("The message can't be read") from error

    def unpacked(self, limit: int) -> bytes:
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
class Form:
    """One of the two forms of a message. connectrpc takes it for a codec, and is given back what it was handed."""

    word: str
    read: Callable[[type[Message], bytes], Message]
    write: Callable[[Message], bytes]

    def name(self) -> str:
        return self.word

    def decode(self, data: bytes | bytearray, message_class: Any) -> Sent:
        return Sent(self, data if isinstance(data, Gzipped) else bytes(data))

    def encode(self, content: bytes) -> bytes:
        return content


def _read_binary(kind: type[Message], content: bytes) -> Message:
    return kind.FromString(content)


def _read_json(kind: type[Message], content: bytes) -> Message:
    if not content.lstrip().startswith(b"{"):  # protobuf would take a list or a text for a message without fields
        raise ValueError
    return json_format.Parse(content, kind(), ignore_unknown_fields=True)


def _write_binary(message: Message) -> bytes:
    return message.SerializeToString()


def _write_json(message: Message) -> bytes:
    return json_format.MessageToJson(message, indent=None, ensure_ascii=False).encode()


BINARY = Form("proto", _read_binary, _write_binary)
JSON = Form("json", _read_json, _write_json)


def messages_of(sent: Iterable[Sent], kind: type[Message]) -> Iterator[Message]:
    """Read one after the other; unpacked, all of them are no longer than a body may be. Raises as `Sent.message`."""
    room = settings.MAX_BODY_BYTES
    for one in sent:
        content = one.unpacked(settings.GRPC_MAX_MESSAGE_BYTES)
        room -= len(content)
        if room < 0:
            raise TooLarge(f"All messages max is {settings.MAX_BODY_BYTES} bytes")
        yield Sent(one.form, content).message(kind)
