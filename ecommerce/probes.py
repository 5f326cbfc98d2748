"""/health/live and /health/ready: whether this process runs, and whether it can serve."""

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import MethodNotAllowed

from core.django_internals import keep_out_of_log
from core.errors import DomainError, Unavailable
from core.faults import as_domain_error
from core.protocols.faults import body_of
from core.runtime import singleton
from core.server.health import OK, RecentChecks, database_checks, is_ok

RETRY_S = 2


def _for_probes(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    @csrf_exempt
    @wraps(view)
    def checked(request: HttpRequest) -> HttpResponse:
        if request.method in ("GET", "HEAD"):
            response = view(request)
        else:
            refusal = as_domain_error(MethodNotAllowed(request.method or "")) or DomainError()
            response = JsonResponse(body_of(refusal), status=refusal.status, headers={"Allow": "GET, HEAD"})
        response["Cache-Control"] = "no-store"
        keep_out_of_log(response)
        return response

    return checked


@_for_probes
def live(request: HttpRequest) -> HttpResponse:
    """Answer 200 if this process runs. Does not use the database."""
    return JsonResponse({"status": OK})


@_for_probes
def ready(request: HttpRequest) -> HttpResponse:
    """Answer 200 if the database and the gRPC server can serve, else 503. The body lists the result of each check.

    The database must answer, accept writes, and have every migration and every trigger. The gRPC server is checked if
    GRPC_HEALTH_ADDRESS names it.
    """
    checks = database_checks() | singleton(RecentGrpcChecks).checks()
    if is_ok(checks):
        return JsonResponse({"status": OK, "checks": checks})
    refusal = Unavailable("Not ready", retry_after_s=RETRY_S)
    body = {"status": refusal.code, "checks": checks, **body_of(refusal)}
    return JsonResponse(body, status=refusal.status, headers={"Retry-After": str(RETRY_S)})


class RecentGrpcChecks(RecentChecks):
    """The latest state of the gRPC server: to ask it takes a connection, and a second if it does not answer."""

    def run_checks(self) -> dict[str, str]:
        if not settings.GRPC_HEALTH_ADDRESS:
            return {}
        from core.protocols.rpc.probe import is_serving  # imports grpcio, which only this check needs

        return {"grpc": OK if is_serving(settings.GRPC_HEALTH_ADDRESS) else "no answer"}
