"""Serves the metrics of a command and of its worker processes at METRICS_ADDRESS, and asks the database for some."""

import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait

from django.conf import settings
from django.db import Error, connection

from core.metrics.meters import FOLDER

FRESH_S = 10.0  # how long values of the database are reused
SCRAPE_WAIT_S = 0.5  # how long a scrape waits for the database; Prometheus waits for the scrape 1 s or longer
STALE_S = 30.0
IS_DOWN = {"shop_database_up": 0.0}
log = logging.getLogger(__name__)
Read = Callable[[], dict[str, float]]
OF_DATABASE: list[Read] = []  # each returns values by the name of a gauge


def database_gauges(read: Read) -> Read:
    OF_DATABASE.append(read)
    return read


def begin_metrics() -> None:
    """Serve metrics if METRICS_ADDRESS is set and no parent process does. Raises OSError if the port is in use."""
    if not settings.METRICS_ADDRESS or FOLDER in os.environ:
        return
    folder = tempfile.TemporaryDirectory(prefix="shop-metrics-")
    _kept.append(folder)  # removed when the process exits
    os.environ[FOLDER] = folder.name
    from prometheus_client import CollectorRegistry, start_http_server  # late: it reads FOLDER when it is imported
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder.name)  # type: ignore[no-untyped-call]
    registry.register(DatabaseMetrics())  # type: ignore[arg-type]  # a Collector by its method
    host, _, port = settings.METRICS_ADDRESS.rpartition(":")
    start_http_server(int(port), host.strip("[]"), registry)


_kept: list[tempfile.TemporaryDirectory[str]] = []


class DatabaseMetrics:  # prometheus_client's Collector, which must not be imported here
    """A collector of prometheus_client; Prometheus may ask often, but the database is asked every FRESH_S at most.

    A thread asks it. While the database does not answer, its last values are shown for STALE_S; all other metrics are
    always shown.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reading: Future[dict[str, float]] | None = None
        self._began_at = self._read_at = float("-inf")  # when the newest reading began, and when one was last complete
        self._values = IS_DOWN

    def collect(self) -> Iterator[object]:
        from prometheus_client.core import GaugeMetricFamily

        for name, value in self._latest().items():
            yield GaugeMetricFamily(name, name.removeprefix("shop_").replace("_", " "), value)

    def _latest(self) -> dict[str, float]:
        with self._lock:
            if self._reading is None and time.monotonic() >= self._began_at + FRESH_S:
                self._reading, self._began_at = Future(), time.monotonic()
                threading.Thread(target=_read_into, args=(self._reading,), name="database metrics", daemon=True).start()
            if self._reading is not None:
                wait([self._reading], SCRAPE_WAIT_S)
            if self._reading is not None and self._reading.done():
                reading, self._reading = self._reading, None
                self._values, self._read_at = reading.result(), time.monotonic()
            return self._values if time.monotonic() < self._read_at + STALE_S else IS_DOWN


def _read_into(reading: "Future[dict[str, float]]") -> None:
    try:
        reading.set_result(_values())
    except Exception as error:  # noqa: BLE001  # a scrape raises it
        reading.set_exception(error)


def _values() -> dict[str, float]:
    values: dict[str, float] = {}
    try:
        for read in OF_DATABASE:
            values |= read()
    except Error as error:
        log.warning("The database does not answer, so its metrics are missing: %s", error)
        return IS_DOWN
    finally:
        connection.close()
    return values | {"shop_database_up": 1}
