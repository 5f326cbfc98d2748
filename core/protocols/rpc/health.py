"""gRPC's standard health service, which reports whether the database can serve.

Uses private members of its base class. Tried on grpcio-health-checking 1.85.1.
"""

import logging
import threading
import time
from collections.abc import Sequence

from django.db import connections
from grpc_health.v1 import health, health_pb2

from core.server.health import database_checks, is_ok

CHECK_PERIOD_S = 1
CHECK_TIMEOUT_S = 5
log = logging.getLogger(__name__)


class Health(health.HealthServicer):
    """grpcio's health service. Open Watch calls would delay a shutdown by the whole grace: `end_watches` ends them.

    Every service is NOT_SERVING until `watch_database` finds that the database responds, is writable and is migrated.
    """

    def __init__(self) -> None:
        super().__init__()
        self._names: Sequence[str] = ()
        self._is_serving: bool | None = None
        self._is_known = threading.Event()

    def watch_database(self, names: Sequence[str]) -> None:
        """Check the database every CHECK_PERIOD_S, and set the state of the services `names` and of "" (all)."""
        self._names = ("", *names)
        self._set(health_pb2.HealthCheckResponse.NOT_SERVING)
        threading.Thread(target=self._check_forever, name="health", daemon=True).start()

    def wait_until_known(self) -> None:
        """Wait for the first check of the database, at most CHECK_TIMEOUT_S."""
        self._is_known.wait()

    def _check_forever(self) -> None:
        while True:
            # If the database hangs, the check hangs too: clients must not wait for it, so a timer reports the failure.
            timer = threading.Timer(CHECK_TIMEOUT_S, self._report, [{"database": "no answer in time"}])
            timer.daemon = True
            timer.start()
            checks = _database_checks()
            timer.cancel()
            self._report(checks)
            time.sleep(CHECK_PERIOD_S)

    def _report(self, checks: dict[str, str]) -> None:
        """Set the state of every service from the results of the database checks, if the state has changed."""
        is_serving, was_serving = is_ok(checks), self._is_serving
        if is_serving == was_serving:
            return
        if was_serving is not None or not is_serving:  # don't log a normal start
            log.warning("gRPC is %s: %s", "serving again" if is_serving else "not serving", checks)
        self._is_serving = is_serving
        states = health_pb2.HealthCheckResponse
        self._set(states.SERVING if is_serving else states.NOT_SERVING)
        self._is_known.set()

    def _set(self, state: int) -> None:
        for name in self._names:
            self.set(name, state)

    def List(self, request: object, context: object) -> health_pb2.HealthListResponse:
        """Return the state of every service; grpcio does not implement this method."""
        with self._lock:
            states = dict(self._server_status)
        checks = {name: health_pb2.HealthCheckResponse(status=status) for name, status in states.items()}
        return health_pb2.HealthListResponse(statuses=checks)

    def end_watches(self) -> None:
        with self._lock:
            watches = [send for sends in self._send_response_callbacks.values() for send in sends]
        for send in watches:
            send(None)


def _database_checks() -> dict[str, str]:
    try:
        return database_checks()
    except Exception:
        log.exception("The database can't be checked")
        return {"database": "fault"}
    finally:
        connections.close_all()  # the next check must test that a new connection is possible
