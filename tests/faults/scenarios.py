"""The faults, each with its end."""

from collections.abc import Callable
from typing import NamedTuple

from tests.faults.link import Link
from tests.faults.servers import Postgres, Redis, Shop


class Fault(NamedTuple):
    """`begin` causes it, and `end` mends it after `lasts_s`."""

    name: str
    lasts_s: float
    begin: Callable[[], object]
    end: Callable[[], object] = lambda: None


def faults_of_processes(shop: Shop) -> list[Fault]:
    return [
        Fault("none", 3, lambda: None),
        Fault("a web worker is killed", 3, shop.web.kill_worker),
        Fault("a gRPC worker is killed", 3, shop.grpc.kill_worker),
    ]


def faults_of_services(postgres: Postgres, redis: Redis, link: Link) -> list[Fault]:
    return [
        Fault("PostgreSQL crashes, 5 s", 5, postgres.kill, postgres.start),
        Fault(
            "PostgreSQL is read-only, 5 s",
            5,
            lambda: postgres.set_read_only("on"),
            lambda: postgres.set_read_only("off"),
        ),
        Fault(
            "no connection is left, 5 s",
            5,
            lambda: postgres.limit_connections(0),
            lambda: postgres.limit_connections(-1),
        ),
        Fault("the link delays by 50 ms, 5 s", 5, lambda: setattr(link, "delay_s", 0.05), link.heal),
        Fault("the link is cut, 5 s", 5, link.cut, link.heal),
        Fault("the link is silent, 40 s", 40, lambda: setattr(link, "is_silent", True), link.heal),
        Fault("Redis is killed, 5 s", 5, redis.kill, redis.start),
    ]
