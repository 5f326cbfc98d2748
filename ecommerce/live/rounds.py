"""One look at every open stream, again and again: a timer each, set anew with every event, would cost more."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

ROUND_S = 0.5
log = logging.getLogger(__name__)


class Open(Protocol):
    """Something that is kept open."""

    def look(self, now: float) -> None:
        """Do what is due at this moment of the event loop's clock; it must not block."""


class Rounds:
    """Goes round while something is open. Used on the event loop alone."""

    def __init__(self) -> None:
        self._open: set[Open] = set()
        self._going: asyncio.Task[None] | None = None

    @contextmanager
    def including(self, one: Open) -> Iterator[None]:
        self._open.add(one)
        if self._going is None or self._going.done():
            self._going = asyncio.get_running_loop().create_task(self._go())
        try:
            yield
        finally:
            self._open.discard(one)

    async def _go(self) -> None:
        loop = asyncio.get_running_loop()
        while self._open:
            await asyncio.sleep(ROUND_S)
            for one in list(self._open):
                try:
                    one.look(loop.time())
                except Exception:
                    log.exception("A look at something open failed")


rounds = Rounds()
