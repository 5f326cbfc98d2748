"""The load generators, on the other processor: wrk for HTTP, h2load for gRPC; pgbench, which is a contestant itself."""

import json
import os
import re
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import grpc
import httpx

from benchmarks.compare.dialects import Request, ShopDialect
from benchmarks.compare.running import Running
from benchmarks.compare.samples import BATCH_ROWS, Caller, new_products
from benchmarks.servers import LOAD_CPU, SERVER_CPU, pinned
from protos import product_pb2 as pb
from protos.product_pb2_grpc import ProductServiceStub

CLIENTS = 8
TIMEOUT_S = 120
SCRIPT = Path(__file__).with_name("wrk.lua")
GRPC_CALLS = {
    "grpc_get": ("GetProduct", pb.GetProductRequest),
    "grpc_list": ("ListProducts", pb.ListProductsRequest),
}


class LoadFailed(Exception):
    pass


class Load(NamedTuple):
    """One stretch of load."""

    rate: float
    p50_ms: float
    p99_ms: float
    failed: int
    done: int


def write_requests(requests: list[Request], file: Path) -> None:
    """Write the Lua file that wrk.lua reads. A JSON string of ASCII characters is a Lua string too."""
    lines = [
        "{" + ", ".join(f"{name} = {json.dumps(value)}" for name, value in request._asdict().items()) + "}"
        for request in requests
    ]
    file.write_text("return {\n" + ",\n".join(lines) + "\n}\n", encoding="ascii")


def wrk(server: Running, requests: Path, seconds: int) -> Load:
    options = ["-t1", f"-c{CLIENTS}", f"-d{seconds}s", "--timeout", "20s", "-s", str(SCRIPT)]
    text = _output(pinned(LOAD_CPU, ["wrk", *options, server.url, "--", str(requests)]))
    found = re.search(r"RESULT (\S+) (\S+) (\S+) (\d+) (\d+)", text)
    if not found:
        raise LoadFailed(f"wrk: {text[-300:]}")
    rate, p50_ms, p99_ms = map(float, found.groups()[:3])
    return Load(rate, p50_ms, p99_ms, int(found[4]), int(found[5]))


def h2load(server: Running, operation: str, product_id: int, seconds: int, folder: Path) -> Load:
    """Repeat one call; h2load does not read the gRPC status, but a failed call has no message."""
    method, message = GRPC_CALLS[operation]
    content = (message(id=product_id) if operation == "grpc_get" else message(page=2, page_size=20)).SerializeToString()
    body, log = folder / "h2load.body", folder / "h2load.log"
    body.write_bytes(struct.pack(">BI", 0, len(content)) + content)
    log.unlink(missing_ok=True)
    command = ["h2load", "-D", str(seconds), "-c", str(CLIENTS), "-m", "1", "-t", "1", f"--log-file={log}"]
    command += ["-d", str(body), "-H", "content-type: application/grpc", "-H", "te: trailers"]
    text = _output(pinned(LOAD_CPU, [*command, f"{server.url}/ecommerce.ProductService/{method}"]))
    good, received = int(re.search(r"(\d+) succeeded", text)[1]), int(re.search(r"\((\d+)\) data", text)[1])
    took_us = sorted(int(line.split()[2]) for line in log.read_text().splitlines())
    if good and received / good < 20:
        raise LoadFailed("the calls have no messages")
    failed = int(re.search(r"(\d+) failed", text)[1])
    return _load(took_us, len(took_us) / seconds, failed)


def pgbench(url: str, script: str, seconds: int, folder: Path) -> tuple[Load, float]:
    """Run a script; return also its CPU seconds."""
    file, prefix = folder / "pgbench.sql", folder / "pgbench_log"
    file.write_text(script)
    for old in folder.glob("pgbench_log*"):
        old.unlink()
    command = ["pgbench", "-n", "-M", "prepared", "-c", str(CLIENTS), "-T", str(seconds), "-f", str(file)]
    with (folder / "pgbench.out").open("w+") as out:
        command += ["-l", f"--log-prefix={prefix}", url]
        process = subprocess.Popen(pinned(SERVER_CPU, command), stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise LoadFailed(f"pgbench: {(folder / 'pgbench.out').read_text()[-300:]}")
    lines = next(folder.glob("pgbench_log*")).read_text().splitlines()
    took_us = sorted(int(line.split()[2]) for line in lines)
    return _load(took_us, len(took_us) / seconds, 0), usage.ru_utime + usage.ru_stime


def rest_batch(server: Running, dialect: ShopDialect, staff: Caller) -> Load:
    """Send one batch in one request."""
    request = dialect.batch(new_products(), staff)
    start = time.perf_counter()
    url, body = server.url + request.path, request.body
    with _on_load_cpu():
        response = httpx.post(url, content=body, headers=request.headers(), timeout=TIMEOUT_S)
    took_s = time.perf_counter() - start
    if not response.is_success:
        raise LoadFailed(f"the batch got {response.status_code}: {response.text[:200]}")
    return Load(BATCH_ROWS / took_s, took_s * 1000, took_s * 1000, 0, BATCH_ROWS)


def grpc_batch(server: Running, staff: Caller) -> Load:
    """Send one batch as one stream."""
    messages = [pb.CreateProductRequest(**row) for row in new_products()]
    metadata = [("authorization", f"Bearer {staff.token}")]
    with _on_load_cpu(), grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        start = time.perf_counter()
        call = ProductServiceStub(channel).BatchCreateProducts
        call(iter(messages), metadata=metadata, timeout=TIMEOUT_S)
        took_s = time.perf_counter() - start
    return Load(BATCH_ROWS / took_s, took_s * 1000, took_s * 1000, 0, BATCH_ROWS)


@contextmanager
def _on_load_cpu() -> Iterator[None]:
    """Keep this process, whose client sends the batches, off the servers' processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before & {LOAD_CPU} or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _load(took_us: list[int], rate: float, failed: int) -> Load:
    if not took_us:
        return Load(0, 0, 0, failed, 0)
    p50_us, p99_us = took_us[len(took_us) // 2], took_us[int(len(took_us) * 0.99)]
    return Load(rate, p50_us / 1000, p99_us / 1000, failed, len(took_us))


def _output(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode:
        raise LoadFailed(f"{command[3]}: {done.stdout[-200:]} {done.stderr[-200:]}")
    return done.stdout
