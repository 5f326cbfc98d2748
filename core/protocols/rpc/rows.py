"""Streams of rows, in batches of one transaction each."""

import struct
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import IO, TypeVar

from google.protobuf.message import Message

Row = TypeVar("Row")
MessageOf = TypeVar("MessageOf", bound=Message)
SIZE = 500
KEPT_IN_MEMORY_BYTES = 1024 * 1024
_LENGTH = struct.Struct(">I")


def in_batches(rows: Iterator[Row], *, limit: int) -> Iterator[tuple[int, list[Row]]]:
    """Yield the first `limit` rows in batches, each as (index of its first row, rows)."""
    for start in range(0, limit, SIZE):
        batch = list(islice(rows, min(SIZE, limit - start)))
        if not batch:
            return
        yield start, batch


@contextmanager
def spooled(messages: Iterable[MessageOf], kind: type[MessageOf], *, limit: int) -> Iterator[Iterator[MessageOf]]:
    """Receive up to `limit` + 1 messages, and then yield an iterator over them that never waits for the client."""
    with tempfile.SpooledTemporaryFile(max_size=KEPT_IN_MEMORY_BYTES) as spool:
        for message in islice(messages, limit + 1):
            content = message.SerializeToString()
            spool.write(_LENGTH.pack(len(content)) + content)
        spool.seek(0)
        yield _messages_in(spool, kind)


def _messages_in(spool: IO[bytes], kind: type[MessageOf]) -> Iterator[MessageOf]:
    while head := spool.read(_LENGTH.size):
        yield kind.FromString(spool.read(_LENGTH.unpack(head)[0]))
