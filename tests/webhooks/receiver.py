"""A receiver of webhooks as a process of its own: it writes every POST to a file, one JSON object a line.

    python -m tests.webhooks.receiver PORT FILE [--failing 0.3] [--hanging 1] [--seed 1]

It answers 200; with `--failing` some at random get 500, or the connection is closed; with
`--hanging N` the first N wait for 60 s.
"""

import argparse
import json
import random
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Receiver(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, file: Path, failing: float, hanging: int, seed: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.lines = file.open("ab", buffering=0)
        self.failing, self.hanging, self.chance = failing, hanging, random.Random(seed)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # the answer leaves in one piece: the second of two would wait for the first to be acknowledged
    server: Receiver

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:  # the sender was killed in the middle of it
            self.close_connection = True
            return
        fails = self.server.chance.random() < self.server.failing
        headers = {name.lower(): value for name, value in self.headers.items()}
        line = {"at": time.time(), "path": self.path, "headers": headers, "body": body.decode(), "failed": fails}
        self.server.lines.write(json.dumps(line).encode() + b"\n")
        if self.server.hanging > 0:
            self.server.hanging -= 1
            time.sleep(60)
        if not fails:
            self._answer(200)
        elif self.server.chance.random() < 0.5:
            self._answer(500)
        else:
            self.close_connection = True  # without a word

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: Any) -> None:
        """Nothing: the file says it all."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--failing", type=float, default=0.0)
    parser.add_argument("--hanging", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    Receiver(**vars(parser.parse_args())).serve_forever()


if __name__ == "__main__":
    main()
