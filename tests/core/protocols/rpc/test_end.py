"""SIGTERM while clients call: what has begun is finished, what is refused never ran."""

import pytest

from tests.core.protocols.rpc.ending import Outcome, calling, outcome_of
from tests.support.factories import make_product, make_staff
from tests.support.live import Shop, free_port
from tests.support.rpc import GrpcServer

pytestmark = pytest.mark.live

GRACE = ("--grace", "60")  # for a machine that is busy: what is cut off may have run
END_S = 90


@pytest.fixture(scope="module")
def shop(live_shops) -> Shop:
    return live_shops(processes=0)


def ended(shop: Shop, *options: str, waits: bool, retried: tuple[str, ...] = (), has_other: bool = True) -> Outcome:
    """End a server under load, and return what became of the calls; its exit code is 0."""
    with shop.database():
        staff, product, port = make_staff(), make_product(), free_port()
        first = started(shop, port, *GRACE, *options)
        with calling(port, staff, product.pk, waits=waits, retried=retried) as callers:
            others = [started(shop, port)] if has_other else []
            first.stop(timeout_s=END_S)
        assert first.process.returncode == 0, first.log
        assert "Traceback" not in first.log
        return outcome_of(callers, [first, *others])


def started(shop: Shop, port: int, *options: str) -> GrpcServer:
    server = GrpcServer(shop.folder, shop.env, "--shares-port", *options, port=port)
    shop.servers.append(server)
    server.wait_until_said()
    return server


def test_call_that_has_begun_is_finished_and_one_that_is_refused_never_ran(shop):
    outcome = ended(shop, waits=True, has_other=False)

    assert outcome.calls > 50
    assert (outcome.begun, outcome.done, outcome.lost) == ([], [], [])
    assert {failure.partition(":")[0] for failure in outcome.refused} <= {"UNAVAILABLE", "CANCELLED"}


def test_clients_that_retry_see_nothing_of_a_server_that_another_follows(shop):
    for waits in (True, False):
        outcome = ended(shop, waits=waits, retried=("UNAVAILABLE", "CANCELLED"))

        assert outcome.calls > 50
        assert outcome[1:] == ({}, 0, [], [], [])


def test_standard_retries_see_nothing_of_a_server_that_drains(shop):
    outcome = ended(shop, "--drain", "3", waits=False, retried=("UNAVAILABLE",))

    assert outcome.calls > 50
    assert outcome[1:] == ({}, 0, [], [], [])
