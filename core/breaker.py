"""A circuit breaker: while a service does not answer, callers fail at once instead of waiting for it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Breaker:
    """Admits every caller while the service answers. After each failure, rejects all for `retry_s`, then admits one.

    An admitted caller must call the service inside `trying`. Thread-safe.
    """

    def __init__(self, retry_s: float) -> None:
        self._retry_s = retry_s
        self._lock = threading.Lock()
        self._retry_at: float | None = None  # None while the service answers
        self._is_tried = False

    def admits(self) -> bool:
        """Whether the caller may try the service now."""
        with self._lock:
            if self._retry_at is None:
                return True
            if self._is_tried or time.monotonic() < self._retry_at:
                return False
            self._is_tried = True
            return True

    @contextmanager
    def trying(self, silence: type[Exception]) -> Iterator[None]:
        """Record whether the service answers. An exception of type `silence` means no; any other outcome means yes.

        An interrupt, such as KeyboardInterrupt, means neither: the next caller may try.
        """
        try:
            yield
        except silence:
            self.open()
            raise
        except Exception:
            self.close()
            raise
        except BaseException:
            with self._lock:
                self._is_tried = False
            raise
        self.close()

    def open(self) -> None:
        """Record that the service does not answer."""
        with self._lock:
            self._retry_at, self._is_tried = time.monotonic() + self._retry_s, False

    def close(self) -> None:
        """Record that the service answers."""
        with self._lock:
            self._retry_at, self._is_tried = None, False
