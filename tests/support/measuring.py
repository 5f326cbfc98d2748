"""Branches are measured in the test process and in the servers that tests start: that doubles the time of both."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.warm_start import COVERAGE


@contextmanager
def unmeasured() -> Iterator[None]:
    """Measure no branches while the block runs, neither here nor in processes that it starts."""
    if (config := os.environ.pop(COVERAGE, None)) is None:
        yield
        return
    from coverage import Coverage

    measurement = Coverage.current()
    assert measurement is not None
    measurement.stop()
    try:
        yield
    finally:
        measurement.start()
        os.environ[COVERAGE] = config
