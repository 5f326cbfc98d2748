"""The parts of the cluster as processes: start, kill, state."""

import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from deploy.cluster.layout import (
    ETCD,
    ETCD_PEERS,
    FOLDER,
    GRPC,
    HOST,
    HTTPS,
    PATRONI,
    PGBOUNCER,
    PRIMARY,
    PROMETHEUS,
    REDIS,
    ROOT,
    WEB,
    server_environment,
)

START_S = 90
MANAGE = (sys.executable, "manage.py")


@dataclass(frozen=True)
class Part:
    """One process of the cluster."""

    name: str
    port: int
    command: tuple[str, ...]
    environment: Callable[[], Mapping[str, str]] = field(default=lambda: dict(os.environ))
    user: str | None = None  # if root starts the cluster: the user that runs this part

    @property
    def pid_file(self) -> Path:
        return FOLDER / "run" / f"{self.name}.pid"

    @property
    def pid(self) -> int | None:
        """The process id, or None if the part does not run."""
        try:
            pid = int(self.pid_file.read_text())
            os.kill(pid, 0)
        except (FileNotFoundError, ProcessLookupError):
            return None
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return None if state == "Z" else pid

    def answers(self) -> bool:
        with socket.socket() as client:
            client.settimeout(1)
            return client.connect_ex((HOST, self.port)) == 0

    def start(self) -> None:
        """Start the part unless it runs, and wait until its port answers. Raises RuntimeError."""
        if self.pid is None:
            with (FOLDER / "log" / f"{self.name}.log").open("ab") as log:
                process = subprocess.Popen(  # noqa: S603  # of this module
                    self.command,
                    cwd=ROOT,
                    env=self.environment(),
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    user=self.user if os.geteuid() == 0 else None,
                )
            self.pid_file.write_text(str(process.pid))
        wait_until(self.answers, START_S, f"{self.name} does not answer: see {FOLDER}/log/{self.name}.log")

    def kill(self, how: int = signal.SIGKILL) -> None:
        """Send the signal to the part and all of its child processes."""
        if (pid := self.pid) is not None:
            os.killpg(pid, how)


class Postgres(Part):
    """Patroni and the PostgreSQL that it runs. Both are killed: a dead Patroni alone leaves PostgreSQL running."""

    def kill(self, how: int = signal.SIGKILL) -> None:
        super().kill(how)
        pid_file = FOLDER / self.name / "postmaster.pid"
        if how == signal.SIGKILL and pid_file.exists():
            try:
                os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGKILL)
            except ProcessLookupError:
                return


def wait_until(holds: Callable[[], object], timeout_s: float, otherwise: str) -> None:
    """Return when `holds()` is true. Raises RuntimeError after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        if time.monotonic() > deadline:
            raise RuntimeError(otherwise)
        time.sleep(0.1)


def _owner() -> str | None:
    """Return the user for programs that refuse to run as root."""
    return "postgres" if os.geteuid() == 0 and any(user.pw_name == "postgres" for user in pwd.getpwall()) else None


def _web(name: str, port: int) -> Part:
    command = (*MANAGE, "serve", f"{HOST}:{port}", "--workers", "2")
    return Part(name, port, command, partial(server_environment, name))


def _grpc(name: str, port: int) -> Part:
    return Part(
        name, port, (*MANAGE, "grpcrunserver", f"{HOST}:{port}", "--verbosity=0"), partial(server_environment, name)
    )


def parts() -> list[Part]:
    """Return all parts, in the order in which they start."""
    etcd = ("etcd", "--data-dir", f"{FOLDER}/etcd", "--listen-client-urls", f"http://{HOST}:{ETCD}",
            "--advertise-client-urls", f"http://{HOST}:{ETCD}", "--listen-peer-urls", f"http://{HOST}:{ETCD_PEERS}",
            "--initial-advertise-peer-urls", f"http://{HOST}:{ETCD_PEERS}",
            "--initial-cluster", f"default=http://{HOST}:{ETCD_PEERS}")  # fmt: skip
    errors = f"{FOLDER}/log/nginx-errors.log"
    nginx = ("nginx", "-c", f"{FOLDER}/nginx.conf", "-e", errors, "-g", "daemon off;")
    redis = ("redis-server", "--bind", HOST, "--port", str(REDIS), "--save", "", "--appendonly", "no")
    prometheus = ("prometheus", f"--config.file={FOLDER}/prometheus.yml", f"--storage.tsdb.path={FOLDER}/metrics",
                  f"--web.listen-address={HOST}:{PROMETHEUS}")  # fmt: skip
    return [
        Part("etcd", ETCD, etcd),
        *(Postgres(name, port, ("patroni", f"{FOLDER}/{name}.json"), user=_owner()) for name, port in PATRONI.items()),
        Part("haproxy", PRIMARY, ("haproxy", "-db", "-f", f"{FOLDER}/haproxy.cfg")),
        Part("pgbouncer", PGBOUNCER, ("pgbouncer", f"{FOLDER}/pgbouncer.ini"), user=_owner()),
        Part("redis", REDIS, redis),
        *(_web(name, port) for name, port in WEB.items()),
        *(_grpc(name, port) for name, port in GRPC.items()),
        Part("nginx", HTTPS, nginx),
        Part("prometheus", PROMETHEUS, prometheus),
    ]


def part_named(name: str) -> Part:
    """Return the part with this name. Raises KeyError."""
    return {part.name: part for part in parts()}[name]
