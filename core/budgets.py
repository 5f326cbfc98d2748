"""Rate budgets as clients see them: the fields of the IETF draft ratelimit-headers, and GraphQL extensions."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

WINDOW_S = 60


class Budget(NamedTuple):
    """One budget of one caller after a request.

    Each process draws blocks of requests from the shared budget, and spends them one by one. `remaining` adds two
    numbers: the requests that this process has drawn but not spent, and the requests that no process had drawn at the
    last reading, at most a second ago. With one process the sum is exact. With several processes, each other process
    may hold up to a twentieth of the budget, which the sum does not include. `resets_at` is in Unix seconds;
    `resets_in_s` is the same instant in seconds from now, as in Retry-After.
    """

    name: str
    limit: int
    remaining: int
    resets_at: int
    resets_in_s: int


def rate_limit_fields(*budgets: Budget | None) -> Mapping[str, str]:
    """Return RateLimit-Policy and RateLimit; empty if no budget is counted."""
    policies, remaining = [], []
    for budget in budgets:
        if budget is not None:
            policies.append(f'"{budget.name}";q={budget.limit};w={WINDOW_S}')
            remaining.append(f'"{budget.name}";r={budget.remaining};t={budget.resets_in_s}')
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(remaining)} if policies else {}


def extension_of(budget: Budget | None) -> dict[str, object]:
    """Return the budget for GraphQL's `extensions`; empty if none is counted."""
    if budget is None:
        return {}
    reset_at = _moment_text(budget.resets_at)
    facts = {"limit": budget.limit, "remaining": budget.remaining, "resetAt": reset_at, "resetIn": budget.resets_in_s}
    return {"rateLimit": facts}


@lru_cache(2)  # all budgets of a process are reset at the same moment
def _moment_text(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat().replace("+00:00", "Z")
