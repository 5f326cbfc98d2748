"""Sending and receiving on a call without a thread that waits for the client.

grpcio's own server blocks a thread until the client reads each message: 10 clients that read nothing would hold 10
threads. Its core does not block. This module uses the core as grpc/_server.py does, with private names of grpcio,
and is the only module that uses them. Tried on grpcio 1.85.3.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import grpc
from grpc import _server
from grpc._cython import cygrpc

from core.protocols.rpc.errors import Metadata

log = logging.getLogger(__name__)
NO_FLAGS = 0
_SENT, _RECEIVED = _server._SEND_MESSAGE_TOKEN, _server._RECEIVE_MESSAGE_TOKEN
_STATUS = _server._SEND_STATUS_FROM_SERVER_TOKEN


class GrpcWire:
    """Both directions of one call.

    The callbacks `sent` and `received` run on the thread of the completion queue, which serves all calls. So they must
    neither block nor raise.
    """

    def __init__(self, context: Any) -> None:
        self._context, self._state, self._call = context, context._state, context._rpc_event.call

    def send(self, content: bytes, sent: Callable[[], None]) -> bool:
        """Begin to send a message, one at a time. Returns False if the call is over."""
        with self._state.condition:
            if not _server._is_rpc_state_active(self._state):
                return False
            operations: list[Any] = [cygrpc.SendMessageOperation(content, NO_FLAGS)]
            if self._state.initial_metadata_allowed:
                operations.insert(0, _server._get_initial_metadata_operation(self._state, None))
                self._state.initial_metadata_allowed = False
            self._start(operations, _SENT, lambda event: sent() if event.success else None)
        return True

    def receive(self, received: Callable[[bytes | None], None]) -> bool:
        """Begin to receive a message, one at a time. `received` gets None after the client's last message.

        Returns False if the call is over.
        """
        with self._state.condition:
            if not _server._is_rpc_state_active(self._state):
                return False
            operations = [cygrpc.ReceiveMessageOperation(NO_FLAGS)]
            self._start(operations, _RECEIVED, lambda event: received(_server._serialized_request(event)))
        return True

    def end(
        self, code: grpc.StatusCode, details: str, trailing_metadata: Metadata, content: bytes | None = None
    ) -> None:
        """Send the status, and `content` as the last message, after all messages sent before."""
        with self._state.condition:
            if not _server._is_rpc_state_active(self._state):
                return
            self._end(code.value[0], details.encode(), trailing_metadata, content)

    def _end(self, code: int, details: bytes, trailing_metadata: Metadata, content: bytes | None) -> None:
        """Do the same as grpcio's `_status`, which takes a fifth of the CPU time of a short call."""
        operations: list[Any] = [cygrpc.SendStatusFromServerOperation(trailing_metadata, code, details, NO_FLAGS)]
        if self._state.initial_metadata_allowed:
            operations.append(cygrpc.SendInitialMetadataOperation(None, NO_FLAGS))
        if content is not None:
            operations.append(cygrpc.SendMessageOperation(content, NO_FLAGS))
        self._state.statused = True
        self._state.due.add(_STATUS)
        self._call.start_server_batch(operations, _server._send_status_from_server(self._state, _STATUS))

    def cut(self, code: grpc.StatusCode, details: str) -> None:
        """End the call at once, and drop the messages that the client has not read."""
        self._call.cancel(code.value[0], details)

    def _start(self, operations: list[Any], token: str, then: Callable[[Any], None]) -> None:
        def done(event: Any) -> Any:
            with self._state.condition:
                outcome = _server._possibly_finish_call(self._state, token)
            try:
                then(event)
            except Exception:
                log.exception("Unhandled error between two messages")  # if it were raised, the whole server would stop
                self.cut(grpc.StatusCode.INTERNAL, "Internal server error")
            return outcome

        self._state.due.add(token)
        self._call.start_server_batch(operations, done)


class Beginning(Protocol):
    """A method whose calls begin on the thread of the completion queue."""

    def begin(self, context: grpc.ServicerContext) -> None:
        """Begin a call, without blocking."""


class AtOnce(ThreadPoolExecutor):
    """Begins the calls of a `Beginning`. grpcio accepts only this class as the threads of a method.

    grpcio submits its own function, which would wrap the method in two generators for tracing plug-ins.
    """

    def submit(self, run: object, job: object, /, *args: Any, **_: object) -> Any:  # type: ignore[override]  # as grpcio calls it
        rpc_event, state, method = args[:3]
        try:
            method.begin(_server._Context(rpc_event, state, None))
        except Exception:
            log.exception("Unhandled error at the beginning of a call")
            rpc_event.call.cancel(grpc.StatusCode.INTERNAL.value[0], "Internal server error")
        return _DONE


class _Done:
    """The only part of a Future that grpcio uses."""

    def add_done_callback(self, then: Callable[[Any], object]) -> None:
        then(self)


_DONE = _Done()
