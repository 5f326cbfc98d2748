"""The front page, and the routes that it uses: demo sign-in, descriptors of gRPC, source files, clean-up."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import Resolver404, URLPattern, path, resolve
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts.models import User
from accounts.tokens import tokens_for, user_of
from catalog.actions import create_products
from catalog.models import Product
from core.errors import DomainError
from core.permissions import require
from samples.compare.cells import COLUMNS, cells_of
from samples.compare.chooser import ANSWERS, QUESTIONS
from samples.compare.descriptors import descriptors_of
from samples.compare.figures import LABELS, Comparison, Figures
from samples.compare.situations import DISTANCE_MS, rows_of, verdict_of
from samples.compare.store import last_comparison
from samples.compare.tasks import NAME_OF_ROWS, TASKS, as_json
from samples.demo.loading import CUSTOMER, STAFF

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SOURCES = frozenset(file for task in TASKS for file in (*task.code.values(), task.test))


@gzip_page  # it contains no secret that its compressed length could reveal
@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Return the page. It needs no database, so it works while the database is down."""
    comparison = last_comparison()
    context = {
        "store_name": settings.STORE_NAME,
        "comparison": comparison,
        "situations": rows_of(comparison),
        "columns": COLUMNS,
        "distance_ms": DISTANCE_MS,
        "tasks": _measured_tasks(comparison),
        "questions": QUESTIONS,
        "has_docs": _is_served("/docs/"),
        "facts": _facts(comparison),
    }
    response = render(request, "compare/page.html", context)
    response["Content-Security-Policy"] = POLICY
    response["Cache-Control"] = "no-cache"
    return response


def _measured_tasks(comparison: Comparison) -> list[dict[str, Any]]:
    return [
        {
            "task": task,
            "figures": [(name, LABELS[name], cells_of(each)) for name, each in comparison.tasks[task.slug].items()],
            "verdict": verdict_of(comparison.tasks[task.slug]),
        }
        for task in TASKS
        if task.slug in comparison.tasks
    ]


def _facts(comparison: Comparison) -> dict[str, Any]:
    """Return what the scripts of the page need."""
    return {
        **as_json(),
        "labels": LABELS,
        "native": {slug: _summary(figures["native"]) for slug, figures in comparison.tasks.items()},
        "grpcAddress": settings.GRPC_HEALTH_ADDRESS,
        "demo": settings.DEMO_MODE,
        "demoSignIn": settings.DEMO_MODE and settings.DEMO_SIGN_IN,
        "questions": QUESTIONS,
        "answers": [answer._asdict() for answer in ANSWERS],
        "byHowMuch": {row["task"]: row["by"] for row in rows_of(comparison)},
    }


def _summary(figures: Figures) -> dict[str, float]:
    """Return the figures that the page shows beside its own."""
    return {
        "requests": figures.requests,
        "trips": figures.round_trips,
        "up": figures.up,
        "down": figures.down,
        "gzip": figures.gzip_down,
        "p50": round(figures.p50_ms, 2),
        "p95": round(figures.p95_ms, 2),
    }


def _is_served(url: str) -> bool:
    try:
        resolve(url)
    except Resolver404:
        return False
    return True


@csrf_exempt  # it changes nothing for a user who is signed in, and other origins can't read the answer
@require_POST
def demo_sign_in(request: HttpRequest) -> HttpResponse:
    """Return tokens of a demo user, without a password: only quickstart on a loopback address allows it."""
    name = request.GET.get("as")
    if not (settings.DEMO_MODE and settings.DEMO_SIGN_IN) or name not in (CUSTOMER, STAFF):
        raise Http404
    user = get_object_or_404(User.objects.named(name))
    response = JsonResponse({"username": name, **tokens_for(user)._asdict()})
    response["Cache-Control"] = "no-store"
    return response


@csrf_exempt  # it needs a token in a header
@require_POST
def clean(request: HttpRequest) -> HttpResponse:
    """Delete the products that the task of 1,000 products created; for staff, in demo mode."""
    if not settings.DEMO_MODE:
        raise Http404
    try:
        require(user_of(request.headers.get("Authorization", "").removeprefix("Bearer ")), create_products)
    except DomainError as refusal:
        return JsonResponse({"error": refusal.message, "code": refusal.code}, status=refusal.status)
    deleted, _ = Product.objects.filter(name__startswith=f"{NAME_OF_ROWS} ").delete()
    return JsonResponse({"deleted": deleted})


@require_GET
def source(request: HttpRequest, name: str) -> FileResponse:
    """Return a file of the source that a task names; in demo mode."""
    file = settings.BASE_DIR / name
    if not settings.DEMO_MODE or name not in SOURCES or not file.exists():
        raise Http404
    return FileResponse(file.open("rb"), content_type="text/plain; charset=utf-8")


def routes(services: Callable[[], Iterable[Any]]) -> list[URLPattern]:
    """Return the routes below the page; `services` returns the gRPC services, whose modules are imported late."""

    @require_safe
    def descriptors(request: HttpRequest) -> HttpResponse:
        body = json.dumps(descriptors_of([service.descriptor for service in services()]))
        response = HttpResponse(body, content_type="application/json")
        response["Cache-Control"] = "no-cache"
        return response

    return [
        path("sign-in", demo_sign_in),
        path("clean", clean),
        path("descriptors", descriptors, name="descriptors"),
        path("source/<path:name>", source, name="source"),
    ]
