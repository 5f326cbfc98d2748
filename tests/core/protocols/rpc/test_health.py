"""gRPC's health service: SERVING while the database can serve."""

import time
from collections.abc import Iterator

import grpc
import pytest
from django.db.migrations.recorder import MigrationRecorder
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.outages import Link, read_only_database
from tests.support.rpc import TIMEOUT_S, GrpcShop, health_of
from tests.support.waiting import PATIENCE_S, wait_until

SERVICES = ("", "ecommerce.ProductService", "grpc.health.v1.Health")


@pytest.fixture(scope="module")
def shop(grpc_shops) -> GrpcShop:
    return grpc_shops()


@pytest.fixture
def watch(shop) -> Iterator[Iterator[str]]:
    """The states that a client's watch receives, after SERVING."""
    with grpc.insecure_channel(f"127.0.0.1:{shop.servers[0].port}") as channel:
        answers = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
        states = (health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status) for answer in answers)
        while next(states) != "SERVING":
            continue
        yield states
        answers.cancel()


def states_of(shop: GrpcShop) -> set[str]:
    return {health_of(shop.servers[0].port, service) for service in SERVICES}


def test_missing_migration_is_not_serving_until_it_is_applied(shop, watch):
    with shop.database():
        record = MigrationRecorder.Migration.objects.filter(app="orders").latest("id")
        record.delete()
        without = next(watch)
        wait_until(lambda: states_of(shop) == {"NOT_SERVING"})
        record.save(force_insert=True)

    assert without == "NOT_SERVING"
    assert next(watch) == "SERVING"
    wait_until(lambda: states_of(shop) == {"SERVING"})  # each service is told in turn
    assert f"missing: orders.{record.name}" in shop.servers[0].log


def test_read_only_database_is_not_serving_until_it_takes_writes(shop, watch):
    with shop.database(), read_only_database():
        while_read_only = next(watch)
        wait_until(lambda: states_of(shop) == {"NOT_SERVING"})

    assert while_read_only == "NOT_SERVING"
    assert next(watch) == "SERVING"
    wait_until(lambda: states_of(shop) == {"SERVING"})


@pytest.mark.usefixtures("requires_postgresql")
def test_database_that_does_not_answer_is_not_serving_until_it_does(grpc_shops):
    shop = grpc_shops()
    port = int(shop.database_url.rpartition(":")[2].partition("/")[0])
    with Link(port) as link:
        server = shop.start_grpc(DATABASE_URL=link.url(shop.database_url))
        link.cut()
        try:
            cut_at = time.monotonic()
            wait_until(lambda: health_of(server.port) != "SERVING")
            seconds = time.monotonic() - cut_at
        finally:
            link.heal()
        wait_until(lambda: health_of(server.port) == "SERVING", timeout_s=2 * PATIENCE_S)

    assert seconds < 20  # 6 s, and what a busy machine adds
