"""Progress, on stderr, with the seconds since the start."""

import sys
import time

_begun = time.monotonic()


def say(text: str) -> None:
    print(f"[{time.monotonic() - _begun:6.0f} s] {text}", file=sys.stderr, flush=True)
