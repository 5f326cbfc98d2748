"""The metrics that a process writes itself: requests, refusals, and gauges that a thread samples."""

import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from django.conf import settings

from core.runtime import singleton

if TYPE_CHECKING:
    from prometheus_client import Gauge, Histogram

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client reads it when it is imported
SLOT = "SHOP_METRICS_SLOT"  # names a process; its replacement has the same name, and goes on with its files
SAMPLE_S = 2.0
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Meters:
    """The metrics of this process. Without METRICS_ADDRESS, its methods do nothing."""

    def __init__(self) -> None:
        self.is_on = bool(settings.METRICS_ADDRESS and os.environ.get(FOLDER))
        self._latency_of: dict[tuple[str, str, str], Histogram] = {}
        self._gauges: dict[str, Gauge] = {}
        self._samples: list[tuple[Gauge, Callable[[], float]]] = []
        if self.is_on:
            self._make()

    def _make(self) -> None:
        from prometheus_client import Counter, Histogram, values  # late: it reads FOLDER when it is imported

        slot = os.environ.get(SLOT, "main")
        values.ValueClass = values.MultiProcessValue(process_identifier=lambda: slot)  # type: ignore[no-untyped-call]
        labels = ("protocol", "operation", "status")
        help_text = "Seconds from a request to its response, or to the end of its stream."
        # No registry: the values are read from the files.
        self._latency: Histogram = Histogram(
            "shop_request_seconds", help_text, labels, buckets=BUCKETS_S, registry=None
        )
        self._refused: Counter = Counter(
            "shop_budgets_refused", "Requests over their rate budget.", ("budget",), registry=None
        )

    def observe(self, protocol: str, operation: str, status: str, seconds: float) -> None:
        """Count one request."""
        if not self.is_on:
            return
        key = protocol, operation, status
        latency = self._latency_of.get(key)
        if latency is None:
            latency = self._latency_of[key] = self._latency.labels(*key)
        latency.observe(seconds)

    def count_refusal(self, budget: str) -> None:
        if self.is_on:
            self._refused.labels(budget).inc()

    def sample(self, name: str, help_text: str, read: Callable[[], float], how: str = "livesum", **labels: str) -> None:
        """Read a gauge every SAMPLE_S. `how` combines the values of several processes."""
        if not self.is_on:
            return
        from prometheus_client import Gauge

        gauge = self._gauges.get(name)
        if gauge is None:
            gauge = Gauge(name, help_text, tuple(labels), multiprocess_mode=how, registry=None)  # type: ignore[arg-type]  # a Literal
            self._gauges[name] = gauge
        self._samples.append((gauge.labels(**labels) if labels else gauge, read))
        if len(self._samples) == 1:
            threading.Thread(target=self._sample, name="metrics", daemon=True).start()

    def _sample(self) -> None:
        while True:
            for gauge, read in tuple(self._samples):
                gauge.set(read())
            time.sleep(SAMPLE_S)


def meters() -> Meters:
    return singleton(Meters)
