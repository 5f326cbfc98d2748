"""The check of a caller's role before an event whose content depends on it."""

import asyncio
from collections.abc import Hashable

from core.actors import SignedIn
from core.callers import Caller, present_users
from core.runtime import singleton
from core.server.rights import reason_to_end
from core.server.stream_threads import ask


class RoleChecks:
    """Coalesces checks: one query at a time reads the current users of all grants that wait for a check.

    Use it on the event loop only.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Hashable, asyncio.Future[SignedIn | None]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def user_of(self, grant: Hashable) -> SignedIn | None:
        """Return the current user of a grant; None if the grant is no longer valid. Raises as `ask`."""
        answer: asyncio.Future[SignedIn | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((grant, answer))
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        return await answer

    async def _ask(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            try:
                users = await ask(present_users, {grant for grant, _ in waiting})
            except Exception as error:  # noqa: BLE001  # raised in the callers that wait
                for _, answer in waiting:
                    if not answer.done():
                        answer.set_exception(error)
            else:
                for grant, answer in waiting:
                    if not answer.done():
                        answer.set_result(users.get(grant))


async def confirm(caller: Caller) -> None:
    """Check that the caller's role has not changed since the stream began; concurrent checks share one query.

    Raises SignInEnded, or the result of `reason_to_end` if the role has changed.
    """
    if caller.grant is None:
        return
    reason = reason_to_end(caller, await singleton(RoleChecks).user_of(caller.grant), by_role=True)
    if reason is not None:
        raise reason
