"""Serves the metrics of a command and of its worker processes at METRICS_ADDRESS, and asks the database for some."""

import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import Error, connection

from core.metrics.meters import FOLDER

FRESH_S = 10.0  # how long values of the database are reused
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
    """A collector of prometheus_client; Prometheus may ask often, but the database is asked every FRESH_S at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, float] = {}
        self._fresh_until = 0.0

    def collect(self) -> Iterator[object]:
        from prometheus_client.core import GaugeMetricFamily

        with self._lock:
            if time.monotonic() >= self._fresh_until:
                self._values, self._fresh_until = _values(), time.monotonic() + FRESH_S
            values = self._values
        for name, value in values.items():
            yield GaugeMetricFamily(name, name.removeprefix("shop_").replace("_", " "), value)


def _values() -> dict[str, float]:
    values: dict[str, float] = {}
    try:
        for read in OF_DATABASE:
            values |= read()
    except Error as error:
        log.warning("The database does not answer, so its metrics are missing: %s", error)
        return {"shop_database_up": 0}
    finally:
        connection.close()
    return values | {"shop_database_up": 1}
