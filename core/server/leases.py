"""The conditions under which a stream, of any kind, stays open."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from core.callers import Caller, TokenExpired
from core.errors import DomainError
from core.rates import limits
from core.runtime import singleton
from core.server.open_calls import OpenCalls
from core.server.rights import Rights

Hold = Callable[..., Callable[[], None]]  # counts a stream and returns its release, like `limits.hold_stream`
NEVER = float("inf")


def _nothing(*_: object) -> None:
    """Do nothing; the default for callbacks."""


def no_slot(**_: Any) -> Callable[[], None]:
    """Count no stream."""
    return _nothing


def on_loop(call: Callable[..., object]) -> Callable[..., object]:
    """Return a function that calls `call` on this event loop, from any thread."""
    return partial(asyncio.get_running_loop().call_soon_threadsafe, call)


class Lease:
    """The permission of one stream to stay open.

    It holds one of the stream slots of its caller. It ends when the caller's token expires, when the caller loses the
    right to the stream, and when the server shuts down: `reason` is set, and `end` is called. It also detects a client
    that does not read, and an idle stream. All functions given to it are called on other threads; they must not block.
    """

    caller: Caller | None = None
    by_role = False
    reason: DomainError | None = None

    def __init__(self) -> None:
        self._open_calls, self._rights = singleton(OpenCalls), singleton(Rights)
        self._release_slot: Callable[[], None] = _nothing
        self._counted: dict[str, Any] = {}  # the user and address that the slot is counted for
        self._expires_at = self._stall_s = self._last_message_s = self._silence_s = NEVER
        self._end: Callable[[DomainError], object] = _nothing
        self._stalled: Callable[[], object] = _nothing
        self._silent: Callable[[], object] = _nothing
        self.sending_since: float | None = None  # None while no message is in flight
        self.sent_at = time.monotonic()

    # -- The caller ---------------------------------------------------------------------------------------------
    def grant(self, caller: Caller, *, by_role: bool = False, hold: Hold = limits.hold_stream) -> None:
        """Grant the lease to a caller, perhaps in place of an earlier one. Raises RateLimited; nothing is then changed.

        With `by_role` the lease also ends when the caller's role changes: see `reason_to_end`.
        """
        counted = {"user_id": caller.user.pk, "address": caller.address}
        if counted != self._counted:
            release = hold(**counted)
            self._release_slot()
            self._release_slot, self._counted = release, counted
        self.caller, self.by_role = caller, by_role
        seconds_left = caller.seconds_left
        self._expires_at = NEVER if seconds_left is None else time.monotonic() + seconds_left
        try:
            self._rights.watch(self)
        except BaseException:
            self.close()
            raise

    def start(self, end: Callable[[DomainError], object]) -> None:
        """Call `end` with the reason when the lease ends; at once if it has ended."""
        self._end = end
        reason = self.reason
        self._open_calls.add(self)
        if reason is not None:
            end(reason)

    def check(self) -> None:
        """Raise the reason if the lease has ended. Call it before each event: the call of `end` may be late."""
        if self.reason is None and time.monotonic() > self._expires_at:
            self.reason = TokenExpired()
        if self.reason is not None:
            raise self.reason.with_traceback(None)

    def close(self) -> None:
        """Release the slot and stop all checks, because the stream is closed."""
        self._open_calls.discard(self)
        self._rights.forget(self)
        release, self._release_slot = self._release_slot, _nothing
        release()

    # -- The client ---------------------------------------------------------------------------------------------
    def on_stall(self, stall_s: float, stalled: Callable[[], object], *, last_message_s: float = NEVER) -> None:
        """Call `stalled`, once, if a message is in flight for `stall_s`, or in a shutdown for `last_message_s`."""
        self._stall_s, self._last_message_s, self._stalled = stall_s, last_message_s, stalled

    def on_silence(self, silence_s: float, silent: Callable[[], object]) -> None:
        """Call `silent` repeatedly while the last message was sent more than `silence_s` ago."""
        self._silence_s, self._silent = silence_s, silent

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Mark the time in which a message is in flight."""
        self.sending_since = self.sent_at = time.monotonic()
        try:
            yield
        finally:
            self.sending_since = None

    # -- From other threads -------------------------------------------------------------------------------------
    def end(self, reason: DomainError) -> None:
        if self.reason is None:
            self.reason = reason
            self._end(reason)

    def end_with_server(self, reason: DomainError) -> None:
        self._stall_s = min(self._stall_s, self._last_message_s)
        self.end(reason)

    def check_timeouts(self, now: float) -> None:
        since = self.sending_since
        if now > self._expires_at:
            self.end(TokenExpired())
        if since is not None:
            if now - since > self._stall_s:
                stalled, self._stalled = self._stalled, _nothing
                stalled()
        elif now - self.sent_at > self._silence_s:
            self._silent()
