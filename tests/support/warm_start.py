"""Processes of manage.py, or of a module, that begin with the libraries imported: two thirds of a start otherwise.

They are copies of one process for each worker of the test run. Only libraries are imported there: settings, models and
all other modules of the shop are imported after the copy, with the environment of the test.
"""

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
COVERAGE = "COVERAGE_PROCESS_CONFIG"  # set in all processes of a run that measures coverage
LIBRARIES = [  # those that take longest, and need no settings
    "PIL.ExifTags",
    "PIL.ImageDraw",
    "PIL.ImageFont",
    "PIL.ImageOps",
    "argon2",
    "connectrpc.errors",
    "connectrpc.server",
    "django.contrib.admin.decorators",
    "django.contrib.admin.templatetags.admin_list",
    "django.contrib.admindocs.views",
    "django.contrib.auth.apps",
    "django.contrib.postgres.forms",
    "django.core.management.commands.makemigrations",
    "django.core.management.commands.migrate",
    "django.db.backends.postgresql.psycopg_any",
    "django.db.backends.sqlite3.base",
    "django.test.signals",
    "django.urls",
    "django.views.generic",
    "django_filters",
    "django_grpc_framework.generics",
    "django_grpc_framework.proto_serializers",
    "drf_spectacular.utils",
    "environ",
    "google.protobuf.descriptor_pb2",
    "google.protobuf.duration_pb2",
    "google.protobuf.empty_pb2",
    "google.protobuf.json_format",
    "google.protobuf.text_format",
    "google.protobuf.timestamp_pb2",
    "google.rpc.error_details_pb2",
    "graphene.relay",
    "graphql_relay",
    "grpc._server",
    "grpc_status.rpc_status",
    "jwt",
    "markdown",
    "orjson",
    "promise",
    "pygments.lexers",
    "pythonjsonlogger.json",
    "redis",
    "requests",
    "rest_framework.compat",
    "rest_framework.fields",
    "rest_framework.metadata",
    "rest_framework.mixins",
    "segno",
    "text_unidecode",
    "unfold.dataclasses",
    "uvicorn.protocols.http.httptools_impl",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
    "uvloop",
    "whitenoise.storage",
    "yaml",
]


class WarmProcess:
    """One process of `manage.py ARGUMENTS`, or of `python -m MODULE ARGUMENTS`.

    It has those methods of subprocess.Popen that the tests use. Its output is appended to the files `out` and `err`.
    """

    def __init__(
        self, arguments: Sequence[str], env: Mapping[str, str], out: Path, err: Path, module: str | None = None
    ) -> None:
        for path in (out, err):
            path.touch()
        given = (list(arguments), dict(env), out, err, module)
        self._process = _context().Process(target=_run, args=given, daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None  # it has started
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or minus the signal that ended the process; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code. Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("manage.py", timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def run_command(
    *arguments: str, env: Mapping[str, str] = os.environ, timeout_s: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run `manage.py ARGUMENTS` until it exits. Raises subprocess.TimeoutExpired."""
    with TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        process = WarmProcess(arguments, env, out, err)
        try:
            code = process.wait(timeout_s)
        finally:
            process.kill()
        return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    measured = os.environ.pop(COVERAGE, None)  # each copy measures for itself
    context.set_forkserver_preload(LIBRARIES if measured is None else [*LIBRARIES, "coverage"])
    forkserver.ensure_running()
    if measured is not None:
        os.environ[COVERAGE] = measured
    return context


def _run(arguments: list[str], env: dict[str, str], out: Path, err: Path, module: str | None) -> None:
    """Become the process: the exit code is that of manage.py, or of the module."""
    for path, descriptor in ((out, 1), (err, 2)):
        with path.open("ab") as log:
            os.dup2(log.fileno(), descriptor)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    sys.argv = ["manage.py", *arguments]
    if COVERAGE in env:
        import coverage

        coverage.process_startup()
    try:
        if module is None:
            runpy.run_path("manage.py", run_name="__main__")
        else:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # multiprocessing leaves them out
