"""A PostgreSQL and a Redis of the run's own, and the shop's servers on them."""

import os
import pwd
import secrets
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import grpc
import httpx
import psycopg
import redis
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.live import ROOT, free_port
from tests.support.waiting import PATIENCE_S, START_S, wait_until

CUT_ALL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop'"


class Postgres:
    """A PostgreSQL server in `folder`. Raises FileNotFoundError where its programs are not installed."""

    def __init__(self, folder: Path) -> None:
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        if not programs:
            raise FileNotFoundError("PostgreSQL's programs are not in /usr/lib/postgresql: install postgresql")
        self._programs, self._folder, self.port = programs[-1].parent, folder, free_port()
        self._data = folder / "data"
        folder.mkdir(parents=True)
        if os.geteuid() == 0:
            os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
        self._do("initdb", "-D", self._data, "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8")

    def _do(self, program: str, *words: object) -> None:
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*as_user, self._programs / program, *words]
        subprocess.run(list(map(str, command)), check=True, cwd=self._folder, stdout=subprocess.DEVNULL)

    def start(self) -> None:
        options = f"-p {self.port} -k {self._folder} -c listen_addresses=127.0.0.1"
        self._do("pg_ctl", "-D", self._data, "-l", self._folder / "log", "-w", "-s", "-o", options, "start")

    def kill(self) -> None:
        """End it as a crash does: nothing is flushed, no client is told."""
        self._do("pg_ctl", "-D", self._data, "-s", "-m", "immediate", "stop")

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", dbname=database, autocommit=True)

    def run(self, *statements: str, database: str = "postgres") -> None:
        with self.connect(database) as connection:
            for statement in statements:
                connection.execute(statement)

    def set_read_only(self, state: str) -> None:
        """Refuse writes, or accept them again, and cut every connection, as a failover does."""
        self.run(f"ALTER ROLE shop SET default_transaction_read_only = {state}", CUT_ALL)

    def limit_connections(self, most: int) -> None:
        """Cut every connection of the shop and let it open `most`; -1 means any number."""
        self.run(f"ALTER ROLE shop CONNECTION LIMIT {most}", CUT_ALL)


class Redis:
    def __init__(self, folder: Path) -> None:
        self._folder, self.port, self._process = folder, free_port(), None

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self._folder]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(self._answers, "Redis does not answer", START_S)

    def _answers(self) -> bool:
        try:
            return bool(redis.Redis(port=self.port).ping())
        except redis.ConnectionError:
            return False

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()


class Process:
    """A command of manage.py, and its log."""

    def __init__(self, folder: Path, env: dict[str, str], *words: str) -> None:
        self.log_path = folder / f"{words[0]}.log"
        with self.log_path.open("ab") as log:
            command = [sys.executable, "manage.py", *words]
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)

    def workers(self) -> list[int]:
        """Return the ids of its worker processes."""
        found = subprocess.run(
            ["pgrep", "-P", str(self.process.pid), "-f", "manage.py"], capture_output=True, text=True
        )
        return [int(pid) for pid in found.stdout.split()]

    def kill_worker(self) -> None:
        os.kill(self.workers()[0], signal.SIGKILL)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Shop:
    """Two web workers, two gRPC workers and their database."""

    def __init__(self, folder: Path, database_url: str, redis_url: str) -> None:
        self.folder, self.web_port, self.grpc_port = folder, free_port(), free_port()
        self.env = os.environ | {
            "DJANGO_SETTINGS_MODULE": "ecommerce.settings",
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": secrets.token_urlsafe(50),
            "RATE_ANONYMOUS_PER_MINUTE": "1000000",
            "RATE_USER_PER_MINUTE": "1000000",
            "LOG_LEVEL": "WARNING",
        }
        os.environ.update(self.env)  # this process reads and fills the same database

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    def start(self, stack: ExitStack) -> None:
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=self.env, check=True)
        self.web = Process(self.folder, self.env, "serve", f"127.0.0.1:{self.web_port}", "--workers", "2")
        self.grpc = Process(self.folder, self.env, "grpcrunserver", f"127.0.0.1:{self.grpc_port}", "--workers", "2")
        for process in (self.web, self.grpc):
            stack.callback(process.stop)
        wait_until(self._is_ready, f"The shop is not ready; its logs are in {self.folder}", START_S)

    def _is_ready(self) -> bool:
        try:
            is_ready = httpx.get(f"{self.url}/health/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False
        return is_ready and _serves(self.grpc_port)


def _serves(port: int) -> bool:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
        except grpc.RpcError:
            return False
    return answer.status == health_pb2.HealthCheckResponse.SERVING
