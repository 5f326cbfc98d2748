"""The connection behind an ASGI application."""

import logging
import socket
import struct
from collections.abc import Callable
from typing import Any

AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time
log = logging.getLogger(__name__)


def cut_off(send: Callable[..., Any]) -> bool:
    """End the connection that ASGI's `send` belongs to, and drop what the client has not taken; False if it can't.

    ASGI has no word for it, and a connection that is closed in order waits until all is taken. `send` is a method of
    uvicorn's, whose owner has the transport, for HTTP as for WebSocket, however uvicorn was started.
    """
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        log.warning("This server lets nobody cut off a client: its connection is left to the server.")
        return False
    connection = transport.get_extra_info("socket")
    if connection is not None:
        # The kernel, too, would go on for minutes to offer what waits, megabytes of it.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    transport.abort()
    return True
