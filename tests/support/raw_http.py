"""Responses read from a socket."""

import json
import socket
from contextlib import suppress
from typing import NamedTuple


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return json.loads(self.body)["code"]


def all_of(client: socket.socket) -> bytes:
    """Read to the end of the connection."""
    received = b""
    with suppress(ConnectionResetError):
        while part := client.recv(65_536):
            received += part
    return received


def answers_in(received: bytes) -> list[Answer]:
    """Split responses that all have a Content-Length."""
    answers = []
    while received:
        head, _, rest = received.partition(b"\r\n\r\n")
        status_line, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        size = int(headers.get("content-length", 0))
        answers.append(Answer(int(status_line.split()[1]), headers, rest[:size]))
        received = rest[size:]
    return answers
