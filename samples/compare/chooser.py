"""Four questions that lead to one protocol, and the argument against it. The front page asks them."""

from collections.abc import Mapping
from typing import NamedTuple, TypedDict


class Choice(TypedDict):
    """One answer to a question."""

    value: str
    text: str


class FormQuestion(TypedDict):
    """A question and its possible answers."""

    name: str
    text: str
    choices: list[Choice]


def _question(name: str, text: str, **choices: str) -> FormQuestion:
    return {"name": name, "text": text, "choices": [{"value": key, "text": each} for key, each in choices.items()]}


QUESTIONS = [
    _question(
        "caller",
        "Who calls?",
        anyone="Anyone: partners, scripts, search engines",
        app="My own web or mobile app",
        service="My own services",
    ),
    _question("browser", "Does a web page call?", yes="Yes", no="No"),
    _question("cache", "Same answer for all?", yes="Yes, caches help", no="No, it differs by caller"),
    _question(
        "stream",
        "How does data flow?",
        none="One response to each request",
        rows="Many rows to the server at once",
        flow="Single rows to the server, all the time",
        server="Changes from the server as they happen",
        both="A stream in both directions",
    ),
]


class Advice(NamedTuple):
    """A protocol for callers whose choices include all of `when`. The first match in ANSWERS counts."""

    when: Mapping[str, str]
    use: str
    why: str
    but: str
    task: str  # the slug of the task whose figures support it


ANSWERS = (
    Advice(
        {"stream": "both", "browser": "yes"},
        "GraphQL",
        "Browsers can't stream to a server over HTTP, so gRPC-Web has no such call. One WebSocket carries both "
        "subscriptions and mutations.",
        "If only prices flow, the plain WebSocket /ws/prices is simpler: no schema, no library.",
        "follow",
    ),
    Advice(
        {"stream": "both"},
        "gRPC",
        "LivePriceUpdates streams in both directions on one connection, with flow control and typed messages.",
        "A caller behind a proxy without HTTP/2 needs the WebSocket.",
        "follow",
    ),
    Advice(
        {"stream": "rows"},
        "REST",
        "One request writes up to 10,000 rows. Its response names each refused row; the valid rows are written.",
        "If new products don't fit into memory: BatchCreateProducts, a gRPC stream, creates them as they arrive.",
        "batch",
    ),
    Advice(
        {"stream": "flow", "caller": "service", "browser": "no"},
        "gRPC",
        "Collect the rows for a second, then send them in one call of BatchChangeProducts: it is one transaction, and "
        "needs the fewest bytes. The other services follow with WatchProducts.",
        "Row by row each protocol is slow, and 10,000 requests a minute exceed the budget of a caller. A batch over "
        "REST is as fast, and needs no .proto files.",
        "one-product",
    ),
    Advice(
        {"stream": "flow"},
        "REST",
        "Collect the rows for a second, then send them in one request: it is one transaction, and its response names "
        "each refused row.",
        "If only a few rows change in a minute, one request for each is simpler. Between your own services, gRPC needs "
        "fewer bytes.",
        "batch",
    ),
    Advice(
        {"stream": "server", "caller": "service", "browser": "no"},
        "gRPC",
        "A server stream has typed messages, flow control and the fewest bytes for each change.",
        "A caller without HTTP/2 or without the .proto files: SSE, which is plain HTTP.",
        "follow",
    ),
    Advice(
        {"stream": "server"},
        "SSE",
        "Server-sent events are a part of REST, plain HTTP: curl and every language read them, a web page reconnects "
        "by itself, and each client resumes from its last cursor. Everything else may use REST or GraphQL.",
        "If the client wants fields of its choice, a GraphQL subscription; if it also sends, a WebSocket.",
        "follow",
    ),
    Advice(
        {"caller": "service", "browser": "no"},
        "gRPC",
        "The fewest bytes on the wire, a client generated from .proto files in any language, deadlines and streams.",
        "If a cache in front could answer, REST saves the whole request; and curl reads REST without any tool.",
        "one-product",
    ),
    Advice(
        {"cache": "yes"},
        "REST",
        "Every browser, CDN and proxy caches it: an unchanged answer is 304 without a body, or no request at all.",
        "A client that needs five resources for one screen sends many requests: GraphQL sends one.",
        "again",
    ),
    Advice(
        {"caller": "app"},
        "GraphQL",
        "Each screen asks for its fields in one request, and a new screen needs no new endpoint.",
        "No shared cache, and the cost of each query must be limited. For a few fixed screens REST is less work.",
        "screen",
    ),
    Advice(
        {},
        "REST",
        "Every language and tool speaks it without generated code, and its errors are status codes.",
        "If the callers are few and you build their clients, GraphQL or gRPC give them types.",
        "again",
    ),
)


def advice_for(choices: Mapping[str, str]) -> Advice:
    return next(advice for advice in ANSWERS if advice.when.items() <= choices.items())
