"""Where each part of the cluster listens, and where its files are."""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("CLUSTER_FOLDER", "/tmp/shop-cluster"))  # noqa: S108  # the owner chooses another by the variable
HOST = "127.0.0.1"
ETCD, ETCD_PEERS = 21379, 21380
POSTGRES = {"postgres-1": 21431, "postgres-2": 21432}
PATRONI = {"postgres-1": 21011, "postgres-2": 21012}  # the REST API, which haproxy asks for the primary
PRIMARY = 21500  # haproxy's port
PGBOUNCER, REDIS, HTTP, HTTPS = 21600, 21637, 21480, 21443
WEB = {"web-1": 21801, "web-2": 21802}
GRPC = {"grpc-1": 21851, "grpc-2": 21852}
METRICS = {"web-1": 21901, "web-2": 21902, "grpc-1": 21951, "grpc-2": 21952}
PROMETHEUS = 21909
DATABASE, USER = "shop", "shop"
NEEDED = ("etcd", "patroni", "haproxy", "pgbouncer", "redis-server", "nginx", "openssl", "prometheus")


def missing_programs() -> list[str]:
    """Return the programs that are not installed."""
    found = [name for name in NEEDED if shutil.which(name) or Path(f"/usr/sbin/{name}").exists()]
    return [name for name in NEEDED if name not in found] + ([] if postgres_programs() else ["postgres"])


def postgres_programs() -> Path | None:
    """Return the folder of the newest installed PostgreSQL."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    return folders[-1] if folders else None


def url_of(port: int) -> str:
    return f"postgres://{USER}@{HOST}:{port}/{DATABASE}"


def shop_environment() -> dict[str, str]:
    """Return the environment of every process of the shop."""
    return {
        **os.environ,
        "DATABASE_URL": url_of(PGBOUNCER),
        "DATABASE_DIRECT_URL": url_of(PRIMARY),
        "REDIS_URL": f"redis://{HOST}:{REDIS}/0",
        "SECRET_KEY": (FOLDER / "secret").read_text(),
        "ALLOWED_HOSTS": f"localhost,{HOST}",
        "HTTPS": "on",
        "TRUST_PROXY": "on",
        "FORWARDED_ALLOW_IPS": HOST,
        "RATE_LIMITS": "off",
        "LOG_LEVEL": "WARNING",
        "STATIC_ROOT": str(FOLDER / "static"),
        "MEDIA_ROOT": str(FOLDER / "media"),
        "MEDIA_URL": f"https://localhost:{HTTPS}/media/",
    }


def server_environment(name: str) -> dict[str, str]:
    """Return the environment of a web or gRPC server, which also serves its metrics."""
    return shop_environment() | {"METRICS_ADDRESS": f"{HOST}:{METRICS[name]}"}
