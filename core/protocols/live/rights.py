"""Checks the role of a caller before each event whose content depends on the role."""

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
        self._query: asyncio.Task[None] | None = None

    async def user_of(self, grant: Hashable) -> SignedIn | None:
        """Return the current user of a grant; None if the grant is not valid any more. Raises as `ask`."""
        answer: asyncio.Future[SignedIn | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((grant, answer))
        if self._query is None or self._query.done():
            self._query = asyncio.create_task(self._run_queries())
        return await answer

    async def _run_queries(self) -> None:
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


async def check_role(caller: Caller) -> None:
    """Check that the caller's role has not changed since the stream began; concurrent checks share one query.

    Raises SignInEnded, or the result of `reason_to_end` if the role has changed.
    """
    if caller.grant is None:
        return
    reason = reason_to_end(caller, await singleton(RoleChecks).user_of(caller.grant), by_role=True)
    if reason is not None:
        raise reason
