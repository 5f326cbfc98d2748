"""Webhooks between processes: dispatchers that are killed, databases that cut connections, receivers that fail."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from standardwebhooks import Webhook

from tests.support.factories import make_product
from tests.support.live import ROOT, free_port, fresh_database, using
from tests.support.processes import end
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.warm_start import WarmProcess
from tests.webhooks.hooks import make_endpoint
from webhooks.models import Attempt, Delivery, Endpoint

pytestmark = pytest.mark.live

EVENTS, KILLS = 500, 5
END_S = 10
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"


class Processes:
    """Dispatchers and receivers on one database."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder, self.running = folder, []
        self.env = {
            **os.environ,
            "DATABASE_URL": url,
            "SECRET_KEY": settings.SECRET_KEY,
            "WEBHOOK_ALLOW_HTTP": "on",
            "WEBHOOK_PRIVATE_NETWORKS": "127.0.0.0/8",
            "WEBHOOK_TIMEOUT_S": "3",
            "WEBHOOK_PAUSES_S": ",".join(["0.5"] * 30),
        }

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / "receivers.log").open("ab") as log:
            process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=self.env, stdout=log, stderr=log)
        self.running.append(process)
        return process

    def dispatcher(self, *options: str) -> WarmProcess:
        log = self.folder / "log"
        self.running.append(process := WarmProcess(["deliverwebhooks", *options], self.env, log, log))
        return process

    def receiver(self, *options: str) -> "Received":
        port, file = free_port(), self.folder / f"received-{len(self.running)}"
        file.touch()
        self.start("-m", "tests.webhooks.receiver", str(port), str(file), *options)
        return Received(f"http://127.0.0.1:{port}/hook", file)

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


class Received:
    """What a receiver process was sent."""

    def __init__(self, url: str, file: Path) -> None:
        self.url, self.file = url, file

    @property
    def posts(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_text().split("\n")[:-1]]


@pytest.fixture
def processes(tmp_path: Path, migrated_template: str, django_db_blocker: Any) -> Iterator[Processes]:
    """Start processes on a fresh database, in which the ORM of this thread works too."""
    with fresh_database(tmp_path, migrated_template) as url, django_db_blocker.unblock(), using(url):
        started = Processes(url, tmp_path)
        yield started
        end(*started.running)


def until(holds: Callable[[], Any], processes: Processes) -> None:
    wait_until(holds, lambda: processes.log, timeout_s=4 * PATIENCE_S)


def judge(endpoint: Endpoint, received: Received) -> Counter[str]:
    """Check every POST against what is on record; return how often each message came."""
    wanted = {delivery.message_id: delivery for delivery in endpoint.deliveries.all()}
    verifier = Webhook(endpoint.secret)
    for post in received.posts:
        facts = verifier.verify(post["body"], post["headers"])
        delivery = wanted[post["headers"]["webhook-id"]]
        assert (post["body"], int(facts["cursor"])) == (delivery.payload, delivery.seq)
    assert {delivery.state for delivery in wanted.values()} == {"delivered"}
    taken = {post["headers"]["webhook-id"] for post in received.posts if not post["failed"]}
    assert taken == set(wanted)
    return Counter(post["headers"]["webhook-id"] for post in received.posts)


def test_five_kills_and_a_receiver_that_fails_at_random_lose_nothing(processes: Processes) -> None:
    chance = random.Random(7)
    shaky, steady = processes.receiver("--failing", "0.3"), processes.receiver()
    endpoints = [make_endpoint(one.url, event_types=["product.created"]) for one in (shaky, steady)]
    dispatchers = [processes.dispatcher("--skip-checks") for _ in range(2)]
    kill_after = set(range(60, EVENTS, EVENTS // KILLS))
    for number in range(EVENTS):
        make_product()
        time.sleep(0.004)
        if number in kill_after:
            # In the middle of it: once it has something under way.
            until(lambda: Delivery.objects.all().in_flight().exists(), processes)
            time.sleep(chance.random() * 0.02)
            victim = chance.randrange(2)
            dispatchers[victim].kill()
            dispatchers[victim].wait()
            dispatchers[victim] = processes.dispatcher("--skip-checks")

    until(lambda: Delivery.objects.filter(state="delivered").count() == 2 * EVENTS, processes)

    assert len(kill_after) == KILLS
    for endpoint, received in zip(endpoints, (shaky, steady), strict=True):
        counts = judge(endpoint, received)
        assert len(counts) == EVENTS
        assert endpoint.deliveries.values("seq").distinct().count() == EVENTS
    assert len(shaky.posts) > EVENTS * 1.2  # the failures
    assert len(steady.posts) <= EVENTS + KILLS * 16  # what was under way at a kill, and no more
    assert "Traceback" not in processes.log


@pytest.mark.usefixtures("requires_postgresql")
def test_connections_that_the_database_cuts_lose_nothing(processes: Processes) -> None:
    received = processes.receiver()
    endpoint = make_endpoint(received.url, event_types=["product.created"])
    for _ in range(2):
        processes.dispatcher("--skip-checks")
    for number in range(200):
        make_product()
        if number % 40 == 20:
            until(lambda: Delivery.objects.filter(state="pending").exists(), processes)
            with connection.cursor() as cursor:
                cursor.execute(CUT, [connection.connection.info.backend_pid])

    until(lambda: endpoint.deliveries.filter(state="delivered").count() == 200, processes)

    assert len(judge(endpoint, received)) == 200
    assert "Webhooks: the database is unavailable, retrying" in processes.log
    assert "Webhooks: the database is available again" in processes.log
    assert "Traceback" not in processes.log


def test_dispatcher_ends_in_order_and_the_next_goes_on_at_once(processes: Processes) -> None:
    received = processes.receiver()
    endpoint = make_endpoint(received.url)
    dispatcher = processes.dispatcher("--skip-checks")
    for _ in range(100):
        make_product()
    until(lambda: received.posts, processes)

    dispatcher.send_signal(signal.SIGTERM)
    assert dispatcher.wait(END_S) == 0
    before = received.posts

    assert not Delivery.objects.all().in_flight().exists()
    assert Delivery.objects.filter(state="delivered").count() == len(before)
    assert Attempt.objects.filter(duration_ms=None).count() == 0
    processes.dispatcher("--skip-checks")
    until(lambda: endpoint.deliveries.filter(state="delivered").count() == 100, processes)
    assert set(judge(endpoint, received).values()) == {1}


def test_what_is_under_way_when_the_grace_is_over_is_sent_again_at_once(processes: Processes) -> None:
    with_hanging = processes.receiver("--hanging", "1")
    endpoint = make_endpoint(with_hanging.url)
    dispatcher = processes.dispatcher("--grace", "0.2")
    make_product()
    until(lambda: with_hanging.posts, processes)

    dispatcher.send_signal(signal.SIGTERM)
    assert dispatcher.wait(END_S) == 0
    processes.dispatcher("--skip-checks")
    until(lambda: endpoint.deliveries.filter(state="delivered").exists(), processes)

    first, second = with_hanging.posts
    assert first["headers"]["webhook-id"] == second["headers"]["webhook-id"]
    assert list(Attempt.objects.values_list("number", "status")) == [(1, None), (2, 200)]
