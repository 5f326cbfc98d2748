"""The connection behind an ASGI application."""

import logging
import socket
import struct

from core.server.asgi import Send
from core.server.connections import transport_behind

NO_LINGER = struct.pack("ii", 1, 0)  # SO_LINGER: on, with a timeout of 0 s
log = logging.getLogger(__name__)


def cut_off(send: Send) -> bool:
    """Abort the connection of ASGI's `send`, and drop the data that the client has not read. Returns False if it can't.

    ASGI has no message for this, and a normal close waits until the client has read all data.
    """
    transport = transport_behind(send)
    if transport is None:
        log.warning("A client can't be disconnected: the ASGI server gives no access to its connection.")
        return False
    connection = transport.get_extra_info("socket")
    if connection is not None:
        # Otherwise the kernel may try for minutes to send the buffered data, which may be megabytes.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    transport.abort()
    return True
