"""The contestants: how each is started, and the operations that it serves. README.md says how to add one."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.compare.dialects import PeerDialect, ShopDialect, WithoutTotal
from benchmarks.compare.environments import environment
from benchmarks.compare.operations import GRAPHQL, GRPC, ON_SQLITE, OPERATIONS, REST

SHOP, STOCK, PEER, BARE, REFERENCE = "shop", "stock", "peer", "bare", "reference"  # roles; no ratio is to a reference
TUTORIAL = "benchmarks.peers.tutorial"
GUNICORN = ("-m", "gunicorn", "-b", "127.0.0.1:PORT", "--timeout", "120", "--log-level", "error")
GRANIAN = ("-m", "granian", "--port", "PORT", "--workers", "1", "--no-ws", "--log-level", "error")
UVICORN = ("-m", "uvicorn", "--port", "PORT", "--no-access-log", "--log-level", "error", "--loop", "uvloop")
BUDGETS = ("ANONYMOUS", "USER", "SIGN_IN", "SIGN_IN_NAME")


@dataclass(frozen=True, eq=False)
class Contestant:
    name: str
    role: str
    operations: tuple[str, ...]
    command: tuple[str, ...] = ()  # of Python; PORT is replaced. Empty: pgbench
    requirements: str = "peers"  # which environment: see environments.py
    env: Mapping[str, str] = field(default_factory=dict)
    dialect: ShopDialect = field(default_factory=PeerDialect)
    on_sqlite: bool = False

    @property
    def is_shop(self) -> bool:
        return self.role == SHOP

    def python(self) -> Path:
        """Return the interpreter of its environment. Raises CannotInstall."""
        return Path(sys.executable) if self.is_shop else environment(self.requirements)

    def settings(self, shop_url: str, peers_url: str) -> dict[str, str]:
        """Return what its process needs in the environment, apart from its own."""
        if not self.is_shop:
            return {"PEERS_DATABASE": peers_url, **self.env}
        # Limits and logs are on, as in production; no run can spend these budgets.
        budgets = {f"RATE_{name}_PER_MINUTE": "100000000" for name in BUDGETS}
        return {"DATABASE_URL": shop_url, "RATE_LIMITS": "on", "LOG_LEVEL": "INFO", "REDIS_URL": "", **budgets}


def on_django(
    name: str, role: str, operations: tuple[str, ...], api: str, server: tuple[str, ...], **more: object
) -> Contestant:
    settings = {"DJANGO_SETTINGS_MODULE": f"{TUTORIAL}.settings", "PEERS_API": f"{TUTORIAL}.{api}"}
    return Contestant(name, role, operations, server, env=settings, **more)


WSGI = (*GUNICORN, f"{TUTORIAL}.wsgi:application")
GRANIAN_WSGI = (*GRANIAN, "--interface", "wsgi", "--blocking-threads", "4")
CONTESTANTS: Sequence[Contestant] = (
    Contestant(
        "this shop",
        SHOP,
        (*REST, "batch", *GRAPHQL),
        ("manage.py", "serve", "127.0.0.1:PORT", "--workers", "1"),
        dialect=ShopDialect(),
        on_sqlite=True,
    ),
    on_django("stock DRF, gunicorn", STOCK, (*REST, "batch"), "drf", WSGI, on_sqlite=True),
    on_django("stock DRF, granian", PEER, REST, "drf", (*GRANIAN_WSGI, f"{TUTORIAL}.wsgi:application")),
    on_django("django-ninja, gunicorn", PEER, (*REST, "batch"), "ninja_api", WSGI, on_sqlite=True),
    on_django(
        "django-bolt",
        PEER,
        REST,
        "bolt_api",
        ("-m", "django", "runbolt", "--host", "127.0.0.1", "--port", "PORT"),
        requirements="bolt",
    ),
    Contestant("Flask-SQLAlchemy, gunicorn", PEER, REST, (*GUNICORN, "benchmarks.peers.flask_app:app")),
    Contestant("FastAPI, SQLAlchemy, asyncpg", PEER, (*REST, "batch"), (*UVICORN, "benchmarks.peers.fastapi_app:app")),
    Contestant("bare WSGI", BARE, REST, (*GRANIAN_WSGI, "benchmarks.peers.bare_wsgi:app")),
    Contestant(
        "bare ASGI", BARE, (*REST, "batch"), (*GRANIAN, "--interface", "asginl", "benchmarks.peers.bare_asgi:app")
    ),
    Contestant(
        "bare WSGI, list without total",
        REFERENCE,
        ("list",),
        (*GRANIAN_WSGI, "benchmarks.peers.bare_wsgi:app"),
        dialect=WithoutTotal(),
    ),
    Contestant("pgbench, the bare servers' SQL", REFERENCE, REST),
    on_django("stock graphene-django, gunicorn", STOCK, GRAPHQL, "graphene_api", WSGI),
    on_django("strawberry-django, gunicorn", PEER, GRAPHQL, "strawberry_api", WSGI, requirements="strawberry"),
    Contestant(
        "this shop, gRPC",
        SHOP,
        (*GRPC, "grpc_batch"),
        ("manage.py", "grpcrunserver", "127.0.0.1:PORT", "--verbosity=0"),
        dialect=ShopDialect(),
    ),
    on_django("djangogrpcframework", STOCK, GRPC, "drf", ("-m", f"{TUTORIAL}.grpc_framework", "PORT")),
    Contestant("bare grpc.aio, asyncpg", PEER, GRPC, ("-m", "benchmarks.peers.grpc_aio", "PORT")),
    Contestant("bare grpcio, 8 threads", BARE, GRPC, ("-m", "benchmarks.peers.grpc_threads", "PORT")),
)


def members(group: str, *, on_sqlite: bool) -> list[tuple[Contestant, tuple[str, ...]]]:
    """Return the contestants of a group with their operations in it."""
    served = ON_SQLITE if on_sqlite else tuple(OPERATIONS)
    found = []
    for contestant in CONTESTANTS:
        names = [name for name in served if name in contestant.operations and OPERATIONS[name].group == group]
        if names and (contestant.on_sqlite or not on_sqlite):
            found.append((contestant, tuple(names)))
    return found
