"""Readers of the change feed over three protocols, who resume from their last cursor after every disconnection."""

import asyncio
import threading
import time
from contextlib import aclosing

from tests.parity.live_race import Target, by_graphql_socket, by_grpc, by_sse

RETRY_S = 0.2
PROTOCOLS = {"SSE": by_sse, "GraphQL, WebSocket": by_graphql_socket, "gRPC": by_grpc}


class Followers(threading.Thread):
    """Follows one product over each protocol; `cursors` are those of the changes that arrived, in order."""

    def __init__(self, target: Target, begin: str) -> None:
        super().__init__(name="followers", daemon=True)
        self._target, self._begin = target, begin
        self.cursors: dict[str, list[int]] = {name: [] for name in PROTOCOLS}
        self.disconnections = dict.fromkeys(PROTOCOLS, 0)
        self._loop = asyncio.new_event_loop()

    def run(self) -> None:
        self._loop.run_until_complete(self._follow_all())

    async def _follow_all(self) -> None:
        self._tasks = [asyncio.create_task(self._follow(name)) for name in PROTOCOLS]
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, name: str) -> None:
        cursors, cursor = self.cursors[name], self._begin
        while True:
            try:
                async with aclosing(PROTOCOLS[name](self._target, cursor)) as events:
                    async for event in events:
                        cursor = event.cursor
                        cursors.append(int(cursor))
            except Exception:  # noqa: BLE001  # whichever way the connection ends, it is opened again
                self.disconnections[name] += 1
            await asyncio.sleep(RETRY_S)

    def wait_for(self, cursor: int, patience_s: float) -> float:
        """Return the seconds until every reader has the change of `cursor`, or `patience_s`."""
        began_at = time.monotonic()
        while time.monotonic() - began_at < patience_s:
            if all(seen and seen[-1] >= cursor for seen in self.cursors.values()):
                break
            time.sleep(0.05)
        return time.monotonic() - began_at

    def stop(self) -> None:
        for task in self._tasks:
            self._loop.call_soon_threadsafe(task.cancel)
        self.join()
