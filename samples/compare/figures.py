"""The figures of a measurement: of one task over one protocol, and of all of them on one machine."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles

from samples.compare.tasks import Json

LABELS = {"rest": "REST", "graphql": "GraphQL", "web": "gRPC-Web", "native": "gRPC"}


@dataclass(frozen=True)
class Figures:
    """One task over one protocol. Bytes are those of one run; `up` and `down` include headers and framing.

    `gzip_down` is the size of the received bodies if each is compressed by gzip: computed, the shop sends them plain.
    """

    samples_ms: list[float]
    requests: int
    round_trips: int
    up: int
    down: int
    body_up: int
    body_down: int
    gzip_up: int
    gzip_down: int
    statements: int | None = None
    server_ms: float | None = None

    @property
    def p50_ms(self) -> float:
        return self._percentile(50)

    @property
    def p95_ms(self) -> float:
        return self._percentile(95)

    @property
    def spread_ms(self) -> float:
        """The median distance from the median: half of the runs are within it. A few slow runs do not change it."""
        return median(abs(sample - self.p50_ms) for sample in self.samples_ms)

    def _percentile(self, percent: int) -> float:
        return quantiles(self.samples_ms, n=100, method="inclusive")[percent - 1]

    def at_distance_ms(self, round_trip_ms: float) -> float:
        """Return the median if each round trip took `round_trip_ms` longer. Computed, not measured."""
        return self.p50_ms + self.round_trips * round_trip_ms


@dataclass(frozen=True)
class Comparison:
    """All tasks by slug, and for each the figures by protocol."""

    machine: str
    measured_at: str  # ISO 8601
    runs: int
    tasks: Mapping[str, Mapping[str, Figures]]

    @property
    def runs_each(self) -> str:
        """The number of runs of a task, or the range if tasks differ: `20`, `10 to 20`."""
        counts = {len(figures.samples_ms) for task in self.tasks.values() for figures in task.values()}
        return " to ".join(map(str, sorted({min(counts), max(counts)})))

    def as_json(self) -> dict[str, Json]:
        return asdict(self)

    @classmethod
    def of_json(cls, facts: Mapping[str, Json]) -> "Comparison":
        tasks = {
            slug: {name: Figures(**figures) for name, figures in by_protocol.items()}
            for slug, by_protocol in facts["tasks"].items()
        }
        return cls(facts["machine"], facts["measured_at"], facts["runs"], tasks)


def fastest(by_protocol: Mapping[str, Figures], names: Sequence[str]) -> list[str]:
    """Return the protocols with the lowest median; several if the spread is larger than the difference."""
    best = min(names, key=lambda name: by_protocol[name].p50_ms)
    return [name for name in names if not is_different(by_protocol[best], by_protocol[name])]


def is_different(one: Figures, other: Figures) -> bool:
    """Whether the medians differ by more than the larger spread."""
    return abs(one.p50_ms - other.p50_ms) > max(one.spread_ms, other.spread_ms)
