"""Streams of rows, as many at a time as one transaction takes."""

import struct
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from google.protobuf.message import Message

SIZE = 500
KEPT_IN_MEMORY_BYTES = 1024 * 1024
_LENGTH = struct.Struct(">I")


def in_batches(rows: Iterator[Any], *, limit: int) -> Iterator[tuple[int, list[Any]]]:
    """Yield the first `limit` rows as (place of the first, rows), and leave the others."""
    for start in range(0, limit, SIZE):
        batch = list(islice(rows, min(SIZE, limit - start)))
        if not batch:
            return
        yield start, batch


@contextmanager
def spooled(messages: Iterable[Message], kind: type[Message], *, limit: int) -> Iterator[Iterator[Message]]:
    """Take the first `limit` messages and one more off the client, so that nothing waits for it from then on."""
    with tempfile.SpooledTemporaryFile(max_size=KEPT_IN_MEMORY_BYTES) as spool:
        for message in islice(messages, limit + 1):
            content = message.SerializeToString()
            spool.write(_LENGTH.pack(len(content)) + content)
        spool.seek(0)
        yield _messages_in(spool, kind)


def _messages_in(spool: Any, kind: type[Message]) -> Iterator[Message]:
    while head := spool.read(_LENGTH.size):
        yield kind.FromString(spool.read(_LENGTH.unpack(head)[0]))
