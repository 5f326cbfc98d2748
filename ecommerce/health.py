"""Whether this process runs, and whether it can serve."""

import logging
from collections.abc import Callable, Iterable
from functools import cache, wraps

from django.conf import settings
from django.db import Error, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import MethodNotAllowed

from ecommerce import databases, triggers
from ecommerce.errors import Unavailable
from ecommerce.rest.errors import as_domain_error, body_of

OK = "ok"
STATEMENT_TIMEOUT_MS = 3_000
RETRY_S = 2
log = logging.getLogger(__name__)


def _for_probes(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    @csrf_exempt
    @wraps(view)
    def checked(request: HttpRequest) -> HttpResponse:
        if request.method in ("GET", "HEAD"):
            response = view(request)
        else:
            refusal = as_domain_error(MethodNotAllowed(request.method or ""))
            response = JsonResponse(body_of(refusal), status=refusal.status, headers={"Allow": "GET, HEAD"})
        response["Cache-Control"] = "no-store"
        response._has_been_logged = True  # by Django, as an error, each time that a probe is told to wait
        return response

    return checked


@_for_probes
def live(request: HttpRequest) -> HttpResponse:
    """Answer, without the database: this process runs."""
    return JsonResponse({"status": OK})


@_for_probes
def ready(request: HttpRequest) -> HttpResponse:
    """Answer 200 when all that is looked at can serve; else 503 and what is missing.

    The database: that it answers, has every migration and every trigger. gRPC: where GRPC_HEALTH_ADDRESS says.
    """
    checks = _checks() | _grpc_checks()
    if all(found == OK for found in checks.values()):
        return JsonResponse({"status": OK, "checks": checks})
    refusal = Unavailable("Not ready", retry_after_s=RETRY_S)
    body = {"status": refusal.code, "checks": checks, **body_of(refusal)}
    return JsonResponse(body, status=refusal.status, headers={"Retry-After": str(RETRY_S)})


def _checks() -> dict[str, str]:
    try:
        if not databases.is_postgresql():
            return _database_checks()
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}")
            return _database_checks()
    except Error as error:
        log.warning("Not ready, the database does not answer: %s", error)
        return {"database": "no answer"}


def _database_checks() -> dict[str, str]:
    unapplied = _on_disk() - set(MigrationRecorder(connection).applied_migrations())
    return {
        "database": OK,
        "migrations": _ok_or_missing(f"{app}.{name}" for app, name in sorted(unapplied)),
        "triggers": _ok_or_missing(triggers.missing()),
    }


def _grpc_checks() -> dict[str, str]:
    if not settings.GRPC_HEALTH_ADDRESS:
        return {}
    from ecommerce.rpc.probe import is_serving  # grpcio, which only this needs

    return {"grpc": OK if is_serving(settings.GRPC_HEALTH_ADDRESS) else "no answer"}


def _ok_or_missing(names: Iterable[str]) -> str:
    listed = ", ".join(names)
    return f"missing: {listed}" if listed else OK


@cache
def _on_disk() -> frozenset[tuple[str, str]]:
    """App and name of every migration that the code has."""
    return frozenset(MigrationLoader(None, ignore_no_migrations=True).disk_migrations)
