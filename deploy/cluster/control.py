"""Starting and stopping the whole cluster."""

import json
import os
import shutil
import signal
import subprocess
import sys
from urllib.request import urlopen

from deploy.cluster.configs import write_all
from deploy.cluster.layout import (
    DATABASE,
    FOLDER,
    GRPC,
    HOST,
    PATRONI,
    POSTGRES,
    PRIMARY,
    ROOT,
    USER,
    WEB,
    postgres_programs,
    shop_environment,
)
from deploy.cluster.parts import Part, part_named, parts, wait_until

STORAGE = ("etcd", *POSTGRES, "haproxy")
END_S = 30


def up() -> None:
    """Start every part, migrate the database, and load the demo data. Goes on where an earlier run stopped."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_all()
    _hand_over()
    for name in STORAGE:
        print(f"starting {name}", flush=True)
        part_named(name).start()
    wait_until(lambda: primary() is not None, 90, "No PostgreSQL became the primary")
    wait_until(lambda: _psql("SELECT 1").returncode == 0, 30, "HAProxy does not lead to the primary")
    _create_database()
    wait_until(lambda: len(replicas()) == len(POSTGRES) - 1, 90, "The replica does not follow the primary")
    for name in ("pgbouncer", "redis"):
        part_named(name).start()
    _manage("migrate", "--verbosity=0")
    _manage("shell", "-c", "from samples.demo.loading import prepare; prepare('tea-and-cake-42')", "--verbosity=0")
    for name in (*WEB, *GRPC, "nginx", "prometheus"):
        print(f"starting {name}", flush=True)
        part_named(name).start()


def down(*, keep: bool = False) -> None:
    """Stop every part, the last one first, and remove the files unless `keep`."""
    for part in reversed(parts()):
        part.kill(signal.SIGTERM)
        try:
            wait_until(lambda part=part: part.pid is None, END_S, part.name)  # type: ignore[misc]  # a default binds the part
        except RuntimeError:
            part.kill()
    if not keep:
        shutil.rmtree(FOLDER, ignore_errors=True)


def primary() -> str | None:
    """Return the name of the PostgreSQL that is the primary, as Patroni says; None while there is none."""
    return next((name for name, role in _roles().items() if role in ("leader", "master")), None)


def replicas() -> list[str]:
    """Return the names of the replicas that stream from the primary."""
    return [name for name, role in _roles().items() if role in ("replica", "sync_standby")]


def _roles() -> dict[str, str]:
    for port in PATRONI.values():
        try:
            with urlopen(f"http://{HOST}:{port}/cluster", timeout=2) as answer:  # on loopback
                members = json.load(answer)["members"]
        except (OSError, ValueError):
            continue
        return {each["name"]: each["role"] for each in members if each["state"] in ("running", "streaming")}
    return {}


def state_of(part: Part) -> str:
    if part.pid is None:
        return "down"
    role = _roles().get(part.name, "")
    return f"{'up' if part.answers() else 'starting'} {role}".strip()


def _hand_over() -> None:
    """If root runs the cluster, PostgreSQL and PgBouncer run as another user, who needs the folder."""
    if os.geteuid() == 0:
        FOLDER.chmod(0o755)
        files = [FOLDER / name for name in ("run", "log", "pgbouncer.ini", "users.txt")]
        for path in [*files, *FOLDER.glob("*.json")]:
            shutil.chown(path, "postgres", "postgres")
        for name in POSTGRES:
            (FOLDER / name).mkdir(mode=0o700, exist_ok=True)
            shutil.chown(FOLDER / name, "postgres", "postgres")


def _create_database() -> None:
    for statement in (
        f"CREATE ROLE {USER} LOGIN SUPERUSER",  # it creates the extension pg_trgm, and stores its own timeouts
        f"CREATE DATABASE {DATABASE} OWNER {USER}",
    ):
        run = _psql(statement)
        if run.returncode and "already exists" not in run.stderr:
            raise RuntimeError(run.stderr)


def _psql(statement: str) -> subprocess.CompletedProcess[str]:
    """Run a statement on the primary, through HAProxy."""
    command = [f"{postgres_programs()}/psql", "-h", HOST, "-p", str(PRIMARY), "-U", "postgres", "-qc", statement]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # of this module


def _manage(*arguments: str) -> None:
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=shop_environment(), check=True)  # noqa: S603
