"""The messages of a client's stream, received ahead while a thread works on earlier ones."""

import threading
from collections import deque
from collections.abc import Iterator

import grpc

from core.protocols.rpc.wire import GrpcWire

MAX_AHEAD_BYTES = 1024 * 1024
MESSAGE_BYTES = 100  # at least, for the overhead of a short message


class ReceivedAhead:
    """An iterator over the contents of messages, for one thread.

    grpcio's own iterator asks for a message only when the thread needs it: two thread switches for each message. Here
    the thread of the completion queue asks for the next message at once, until MAX_AHEAD_BYTES are buffered.
    """

    def __init__(self, context: grpc.ServicerContext) -> None:
        self._wire = GrpcWire(context)
        self._arrival = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._bytes = 0  # of the buffered messages
        self._is_paused = self._is_over = False
        self._receive()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._arrival:
            while not (self._waiting or self._is_over):
                self._arrival.wait()
            if not self._waiting:
                raise StopIteration
            content = self._waiting.popleft()
            self._bytes -= len(content) + MESSAGE_BYTES
            resumes = self._is_paused and self._bytes < MAX_AHEAD_BYTES / 2
            if resumes:
                self._is_paused = False
        if resumes:
            self._receive()
        return content

    def _receive(self) -> None:
        if not self._wire.receive(self._received):
            self._received(None)

    # -- On the thread of the completion queue, which must not block ----------------------------------------------
    def _received(self, content: bytes | None) -> None:
        with self._arrival:
            if content is None:
                self._is_over = True
            else:
                self._waiting.append(content)
                self._bytes += len(content) + MESSAGE_BYTES
                self._is_paused = self._bytes >= MAX_AHEAD_BYTES
            self._arrival.notify()
            goes_on = not (self._is_over or self._is_paused)
        if goes_on:
            self._receive()
