"""Child processes, started again when they end."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from core.server.children import MAX_FAILURES, Children
from core.server.start.preflight import CannotRun
from tests.support.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.live

SLEEPER = ("shell", "--no-imports", "-c", "import time; time.sleep(60)")


@pytest.fixture
def children() -> Iterator[Children]:
    children = Children()
    yield children
    children.end()
    children.wait(5)


@pytest.fixture
def kept(children) -> Iterator[Children]:
    """A child that sleeps, kept by a thread."""
    children.start(*SLEEPER)
    keeper = threading.Thread(target=children.keep)
    keeper.start()
    yield children
    children.end()
    keeper.join(PATIENCE_S)


def pid_of(children: Children) -> int:
    return children._children[0].process.pid


def test_killed_child_is_started_again_more_often_than_a_failing_one(kept):
    pids = [pid_of(kept)]
    for _ in range(MAX_FAILURES + 1):
        os.kill(pids[-1], signal.SIGKILL)
        wait_until(lambda: pid_of(kept) != pids[-1])
        pids.append(pid_of(kept))

    assert len(set(pids)) == MAX_FAILURES + 2


def test_child_that_was_told_to_end_is_started_again(kept):
    before = pid_of(kept)
    os.kill(before, signal.SIGTERM)

    wait_until(lambda: pid_of(kept) != before)
    assert kept._children[0].process.poll() is None


def test_child_that_the_machine_has_no_room_for_is_started_later(kept, monkeypatch, caplog):
    monkeypatch.setattr("core.server.children.MAX_PAUSE_S", 0.2)
    before, command = pid_of(kept), kept._children[0]._command
    kept._children[0]._command = ["/dev/null"]  # it can't be run: an OSError, as is a lack of memory
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: "shell can't be started at the moment" in caplog.text)

    kept._children[0]._command = command

    wait_until(lambda: pid_of(kept) != before)


def test_child_that_fails_again_and_again_ends_its_keeper(children, caplog, monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))  # without Python's own modules: it fails at once
    children.start("nosuchcommand")

    with pytest.raises(CannotRun, match=r"^nosuchcommand fails as soon as it starts: exit code 1\."):
        children.keep()

    assert caplog.text.count("nosuchcommand exited unexpectedly: exit code 1. It is restarted.") == MAX_FAILURES - 1


def test_end_ends_every_child_and_starts_none(kept):
    kept.start(*SLEEPER)

    kept.end()

    assert kept.wait(PATIENCE_S) == [-signal.SIGTERM] * 2


def test_keeper_returns_at_once_and_leaves_its_children(children, monkeypatch):
    monkeypatch.setattr("core.server.children.EXIT_POLL_S", PATIENCE_S)
    children.start(*SLEEPER)
    keeper = threading.Thread(target=children.keep)
    keeper.start()

    children.stop_keeping()
    keeper.join(PATIENCE_S / 2)

    assert not keeper.is_alive()
    assert children._children[0].process.poll() is None


def test_child_that_is_started_after_the_end_is_ended(children):
    children.end()

    children.start(*SLEEPER)

    assert children.wait(PATIENCE_S) == [-signal.SIGTERM]
