"""A TCP proxy that delays, cuts or swallows the traffic between the shop and its database."""

import asyncio
import threading
from contextlib import suppress

CHUNK_BYTES = 64 * 1024


class Link:
    """Forwards connections to `port` of 127.0.0.1 to `target_port`, on an event loop in a thread of its own.

    `delay_s` holds every piece of data back. While `is_silent`, connections are accepted and kept, and no data passes:
    neither side learns that the other is out of reach. While `is_cut`, new connections are reset.
    """

    def __init__(self, port: int, target_port: int) -> None:
        self.port, self.target_port = port, target_port
        self.delay_s, self.is_silent, self.is_cut = 0.0, False, False
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="link", daemon=True)

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", self.port), self._loop).result()

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._cancel_all(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _cancel_all(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def cut(self) -> None:
        """Reset every connection, and every new one until `heal`."""
        self.is_cut = True
        self._loop.call_soon_threadsafe(self._reset_all)

    def heal(self) -> None:
        """Forward again. A connection that was silent for a while is reset, as by a firewall that has forgotten it."""
        was_silent, self.is_silent, self.is_cut, self.delay_s = self.is_silent, False, False, 0.0
        if was_silent:
            self._loop.call_soon_threadsafe(self._reset_all)

    def _reset_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        try:
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:  # the database does not listen: the client of this connection learns it by a reset
            writer.transport.abort()
            return
        both = {writer, other_writer}
        self._writers |= both
        with suppress(asyncio.CancelledError):  # by `stop`; asyncio would log it as an error
            await asyncio.gather(self._forward(reader, other_writer), self._forward(other_reader, writer))
        self._writers -= both

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):  # the other direction ends by the same reset
            while data := await reader.read(CHUNK_BYTES):
                await asyncio.sleep(self.delay_s)
                while self.is_silent:
                    await asyncio.sleep(0.05)
                writer.write(data)
                await writer.drain()
        writer.close()
