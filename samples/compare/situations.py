"""When to use each protocol: five situations, and verdicts on the tasks, in the figures of a comparison."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from samples.compare.figures import LABELS, Comparison, Figures, fastest, is_different

ByProtocol = Mapping[str, Figures]
DISTANCE_MS = 50
KINDS = {"REST": "rest", "GraphQL": "graphql", "gRPC": "native"}  # the CSS class of each protocol


class Situation(NamedTuple):
    """A case, the protocol to use, the task that shows it, and the function that describes its figures."""

    case: str
    use: str
    task: str
    by_how_much: Callable[[ByProtocol], str]
    but: str  # the counter-argument


def ms(value: float) -> str:
    return f"{value:,.1f} ms" if value < 100 else f"{value:,.0f} ms"


def size(count: int) -> str:
    return f"{count} B" if count < 1_000 else f"{count / 1_000:,.1f} kB"


def count_of(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _times(figures: ByProtocol, mine: str, *others: str) -> str:
    """Compare the median of a protocol with others. A difference within the spread, or lost in rounding, is none."""
    median = figures[mine].p50_ms
    apart = [
        name for name in others if is_different(figures[mine], figures[name]) and ms(figures[name].p50_ms) != ms(median)
    ]
    slower = [f"{ms(figures[name].p50_ms)} ({LABELS[name]})" for name in apart if figures[name].p50_ms > median]
    faster = [f"{LABELS[name]} {ms(figures[name].p50_ms)}" for name in apart if figures[name].p50_ms < median]
    same = [LABELS[name] for name in others if name not in apart]
    parts = [f"{ms(median)} instead of {' and '.join(slower)}"] if slower else []
    parts += [f"as fast as {' and '.join(same)}"] if same else []
    parts += [f"but slower: {ms(median)} ({', '.join(faster)})"] if faster else []
    return ", ".join(parts)


def _unchanged(figures: ByProtocol) -> str:
    rest, graphql, native = (size(figures[name].down) for name in ("rest", "graphql", "native"))
    return (
        f"An unchanged list is {rest} instead of {graphql} (GraphQL) and {native} (gRPC), "
        f"{_times(figures, 'rest', 'graphql', 'native')}. By default a CDN asks the shop each time; with "
        "CACHE_PUBLIC_S=5 it serves its copy for 5 s."
    )


def _one_request(figures: ByProtocol) -> str:
    requests = {name: figures[name].requests for name in LABELS}
    far = {name: ms(figures[name].at_distance_ms(DISTANCE_MS)) for name in LABELS}
    total = {name: size(figures[name].up + figures[name].down) for name in LABELS}
    return (
        f"{count_of(requests['graphql'], 'request')} instead of {requests['rest']} (REST) and {requests['native']} "
        f"(gRPC): {_times(figures, 'graphql', 'rest', 'native')}; with {DISTANCE_MS} ms to the shop {far['graphql']} "
        f"instead of {far['rest']} and {far['native']} (computed). On the wire {total['graphql']} instead of "
        f"{total['rest']} and {total['native']}."
    )


def _small(figures: ByProtocol) -> str:
    total = {name: figures[name].up + figures[name].down for name in LABELS}
    return (
        f"{size(total['native'])} on the wire for one product instead of {size(total['rest'])} (REST) and "
        f"{size(total['graphql'])} (GraphQL); {_times(figures, 'native', 'rest', 'graphql')}."
    )


def _many_rows(figures: ByProtocol) -> str:
    return (
        f"1,000 rows: {_times(figures, 'rest', 'graphql', 'native')}. It sends {size(figures['rest'].up)}, GraphQL "
        f"{size(figures['graphql'].up)}, gRPC {size(figures['native'].up)}. Each names the refused rows."
    )


def _changes(figures: ByProtocol) -> str:
    return (
        f"A change arrives after {ms(figures['rest'].p50_ms)}: {_times(figures, 'rest', 'graphql', 'native')}. "
        f"It takes {size(figures['rest'].down)} by SSE, {size(figures['graphql'].down)} by a subscription, "
        f"{size(figures['native'].down)} by gRPC."
    )


SITUATIONS = (
    Situation(
        "Public data that many clients read",
        "REST",
        "again",
        _unchanged,
        "If each client needs other fields or several kinds of rows, caches help little: GraphQL.",
    ),
    Situation(
        "A screen that joins several kinds of data",
        "GraphQL",
        "screen",
        _one_request,
        "A shared cache can't keep its answers, and each query has its own cost: limits are needed.",
    ),
    Situation(
        "Your own services call each other",
        "gRPC",
        "one-product",
        _small,
        "Browsers and curl can't speak it, only the shop's gRPC-Web and Connect, and both sides need the .proto "
        "files. Many rows need batches: see the next line.",
    ),
    Situation(
        "Many rows are written at once",
        "REST",
        "batch",
        _many_rows,
        "If rows arrive all the time, send a batch each second, not a request for each row; between your own services "
        "over gRPC.",
    ),
    Situation(
        "Clients follow changes as they happen",
        "SSE in browsers, gRPC between services",
        "follow",
        _changes,
        "SSE (server-sent events) is a part of REST. If the client also sends, use a WebSocket; if it wants fields of "
        "its choice, a GraphQL subscription.",
    ),
)


def rows_of(comparison: Comparison) -> list[dict[str, str]]:
    """Return the five rows of the front page and of the README."""
    return [
        {
            "case": situation.case,
            "use": situation.use,
            "kind": KINDS.get(situation.use, ""),
            "task": situation.task,
            "by": situation.by_how_much(comparison.tasks[situation.task]),
            "but": situation.but,
        }
        for situation in SITUATIONS
        if situation.task in comparison.tasks
    ]


def verdict_of(figures: ByProtocol) -> str:
    """Say which protocol is fastest, smallest, and needs the fewest requests."""
    names = list(figures)
    quick = fastest(figures, names)
    time = f"Fastest: {_listed(quick)}" if len(quick) < len(names) else "No difference in time"
    total = {name: figures[name].up + figures[name].down for name in names}
    small = min(names, key=total.__getitem__)
    requests = {name: figures[name].requests for name in names}
    few = [name for name in names if requests[name] == min(requests.values())]
    parts = [time, f"fewest bytes: {LABELS[small]} ({size(total[small])})"]
    if len(few) < len(names):
        parts.append(f"fewest requests: {_listed(few)} ({min(requests.values())})")
    return "; ".join(parts) + "."


def _listed(names: list[str]) -> str:
    return ", ".join(LABELS[name] for name in names)
