"""Database faults, caused in a real database or in the network to it.

with Link(port) as link:            # a proxy for a server on this machine; connect to `link.port`
    link.cut()                      # accepts connections and bytes, but forwards nothing
    link.refuse()                   # closes all connections, and every new one
    link.heal()                     # forwards the held bytes, and then works normally
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from django.db import connection

from tests.support.live import free_port

# In the header of an SQLite file. A version that is too new makes the file read-only, for root too.
WRITE_VERSION_AT, WRITABLE, READ_ONLY = 18, b"\x02", b"\x03"
PIECE_BYTES = 64 * 1024


@contextmanager
def read_only_database() -> Iterator[None]:
    """Make this thread's database refuse every write on new connections, like a demoted primary.

    Afterwards the database accepts writes again, but connections opened in the block stay read-only: replace them.
    """
    _set_read_only(True)
    try:
        yield
    finally:
        _set_read_only(False)


def _set_read_only(is_read_only: bool) -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # else the write-ahead log may contain the header
        connection.close()
        with Path(connection.settings_dict["NAME"]).open("r+b") as file:
            file.seek(WRITE_VERSION_AT)
            file.write(READ_ONLY if is_read_only else WRITABLE)
        return
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = off")
        cursor.execute("SELECT current_database()")
        (name,) = cursor.fetchone()
        state = "on" if is_read_only else "off"
        cursor.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {state}")


class Link:
    """A TCP proxy to a port of this machine, which can be cut and healed while connections are open."""

    def __init__(self, port: int) -> None:
        self._to_port = port
        self.port = free_port()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._flows = threading.Event()
        self._flows.set()
        self._is_refusing = False
        self._ends: list[socket.socket] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._flows.set()
        for end in (self._listener, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def url(self, database_url: str) -> str:
        """Return the URL that reaches this database through the link."""
        parts = urlsplit(database_url)
        user = parts.netloc.rpartition("@")[0]
        return parts._replace(netloc=f"{user}@127.0.0.1:{self.port}").geturl()

    def cut(self) -> None:
        self._flows.clear()

    def refuse(self) -> None:
        self._is_refusing = True
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def heal(self) -> None:
        self._is_refusing = False
        self._flows.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if self._is_refusing:
                    near.close()
                    continue
                far = socket.create_connection(("127.0.0.1", self._to_port))
                self._ends += (near, far)
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while piece := source.recv(PIECE_BYTES):
                self._flows.wait()
                target.sendall(piece)
            self._flows.wait()
            target.shutdown(socket.SHUT_WR)
