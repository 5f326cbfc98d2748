"""Ends open streams if their callers lose the rights that the streams were opened with.

Every CHECK_S, a thread checks all signed-in streams of the process together, with as many statements as one stream
needs. While the database does not answer, the streams stay open: the feed delivers no events then either. A token's
expiry needs no database, so an outage does not extend a stream beyond it.
"""

import logging
import threading
import time
from typing import Protocol

from django.db import Error, connection

from core.actors import Actor
from core.callers import Caller, present_users
from core.errors import DomainError, Forbidden, Unauthenticated, Unavailable
from core.permissions import access_key, is_staff

CHECK_S = 0.5
RETRY_S = 1
log = logging.getLogger(__name__)


class SignInEnded(Unauthenticated):
    """The token was revoked, or its user is no longer allowed to sign in or has changed the password."""

    is_about_token = True

    def __init__(self) -> None:
        super().__init__("The token is no longer valid: sign in again")


class RightsGained(Unavailable):
    """The caller may see more than when the stream was opened."""

    def __init__(self) -> None:
        super().__init__("The caller has gained rights: open the stream again to use them", retry_after_s=RETRY_S)


def reason_to_end(caller: Caller, user: Actor | None, *, by_role: bool) -> DomainError | None:
    """Return the reason to end a stream of `caller`, or None.

    `user` is the caller's user as of now, or None if the token is no longer valid.
    Set `by_role` if a stream shows more to some callers than to others. Such a stream ends if the role changes: with
    Forbidden if the caller lost rights, with RightsGained if the caller gained some, so that clients open it again.
    """
    if user is None:
        return SignInEnded()
    if not by_role or access_key(user) == access_key(caller.user):
        return None
    if is_staff(user):
        return RightsGained()
    return Forbidden("The caller has lost the right to this stream")


class Held(Protocol):
    """The lease of a stream. `end` is called on the thread of the check, and must not block."""

    caller: Caller | None
    by_role: bool

    def end(self, reason: DomainError) -> None: ...


class Rights:
    """The leases of signed-in callers in this process, and the thread that checks them while there are any."""

    def __init__(self) -> None:
        self._callers: dict[Held, Caller] = {}
        self._lock = threading.Lock()
        self._runs = self._is_database_lost = False

    def watch(self, lease: Held) -> None:
        """End the lease when its caller loses the right to it. Anonymous callers have no rights to lose."""
        with self._lock:
            self._callers.pop(lease, None)
            if lease.caller is not None and lease.caller.grant is not None:
                self._start()
                self._callers[lease] = lease.caller

    def forget(self, lease: Held) -> None:
        with self._lock:
            self._callers.pop(lease, None)

    def _start(self) -> None:
        if not self._runs:
            threading.Thread(target=self._run, name="rights", daemon=True).start()  # raises if no thread can be started
            self._runs = True

    # -- On the thread ------------------------------------------------------------------------------------------
    def _run(self) -> None:
        while self._is_needed():
            time.sleep(CHECK_S)
            try:
                self.check()
                self._is_database_lost = False
            except Exception as error:  # noqa: BLE001  # the streams of this process have no other check
                self._note_outage(error)
        connection.close()

    def _is_needed(self) -> bool:
        """Whether there are callers to check. If not, the thread ends, and `watch` starts a new one."""
        with self._lock:
            self._runs = bool(self._callers)
            return self._runs

    def check(self) -> None:
        """End every lease whose caller has lost the right to it."""
        with self._lock:
            callers = dict(self._callers)
        users = present_users({caller.grant for caller in callers.values()})
        for lease, caller in callers.items():
            reason = reason_to_end(caller, users.get(caller.grant), by_role=lease.by_role)
            if reason is not None and lease.caller is caller:  # else the lease was given to another caller meanwhile
                self.forget(lease)
                self._end(lease, reason)

    def _end(self, lease: Held, reason: DomainError) -> None:
        try:
            lease.end(reason)
        except Exception:
            log.exception("A stream could not be ended")  # go on with the others

    def _note_outage(self, error: Exception) -> None:
        """Log the first failure of an outage, and close the connection: the next check opens a new one."""
        if not isinstance(error, Error):
            log.error("The check of the streams' callers failed", exc_info=error)
        elif not self._is_database_lost:
            log.warning("The check of the streams' callers lost its database and retries: %s", error)
        self._is_database_lost = True
        connection.close()
