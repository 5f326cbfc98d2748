"""What a caller is told of a budget: the fields of the IETF draft ratelimit-headers, and GraphQL's words for them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

WINDOW_S = 60


class Budget(NamedTuple):
    """One budget of one caller after a request.

    `remaining` is what this process has drawn and not spent, and what nobody had drawn when it last looked, a second
    ago at most. With one process that is exact. Of several, each may hold a twentieth of the budget that is not in it.
    `resets_at` is in Unix seconds; `resets_in_s` is the same instant, and that of Retry-After.
    """

    name: str
    limit: int
    remaining: int
    resets_at: int
    resets_in_s: int


def fields_of(*budgets: Budget | None) -> Mapping[str, str]:
    """Return RateLimit-Policy and RateLimit; nothing where no budget is counted."""
    counted = [budget for budget in budgets if budget is not None]
    if not counted:
        return {}
    return {
        "RateLimit-Policy": ", ".join(f'"{each.name}";q={each.limit};w={WINDOW_S}' for each in counted),
        "RateLimit": ", ".join(f'"{each.name}";r={each.remaining};t={each.resets_in_s}' for each in counted),
    }


def extension_of(budget: Budget | None) -> dict[str, Any]:
    """Return what GraphQL's `extensions` say of a budget; nothing where none is counted."""
    if budget is None:
        return {}
    reset_at = datetime.fromtimestamp(budget.resets_at, UTC).isoformat().replace("+00:00", "Z")
    facts = {"limit": budget.limit, "remaining": budget.remaining, "resetAt": reset_at, "resetIn": budget.resets_in_s}
    return {"rateLimit": facts}
