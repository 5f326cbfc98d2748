"""The turns of a stream that no client can time: what waits, pauses and ends while a message is in flight."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NamedTuple

import grpc
import pytest

from catalog.services import ProductService
from core.errors import Unavailable
from core.protocols.rpc import streams
from core.protocols.rpc.stream_spec import StreamSpec
from core.protocols.rpc.streams import MAX_REPLIES_WAITING, Stream
from core.runtime import singleton
from core.server.open_calls import OpenCalls
from protos import product_pb2 as pb

METHOD = vars(ProductService.as_servicer())["LivePriceUpdates"]
MESSAGE = pb.ProductUpdate(product_id=7).SerializeToString()


class Context:
    """The side of a call that grpcio keeps."""

    def __init__(self, *, is_over: bool = False) -> None:
        self._state, self._rpc_event = None, SimpleNamespace(call=None)
        self.is_over, self.head = is_over, None

    def invocation_metadata(self) -> tuple[()]:
        return ()

    def peer(self) -> str:
        return "ipv4:127.0.0.1:9"

    def is_active(self) -> bool:
        return not self.is_over

    def add_callback(self, done: Callable[[], None]) -> bool:
        return not self.is_over

    def send_initial_metadata(self, head: Any) -> None:
        self.head = head


class Wire:
    """A client that reads and sends a message only when the test says so."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.in_flight: Callable[[], None] | None = None
        self.receiver: Callable[[bytes | None], None] | None = None
        self.status: Any = None
        self.cut_with: Any = None

    def send(self, content: bytes, sent: Callable[[], None]) -> None:
        assert self.in_flight is None
        self.sent.append(content)
        self.in_flight = sent

    def receive(self, receiver: Callable[[bytes | None], None]) -> None:
        self.receiver = receiver

    def end(self, *status: Any) -> None:
        assert self.status is None
        self.status = status

    def cut(self, *status: Any) -> None:
        self.cut_with = status

    def client_reads(self) -> None:
        sent, self.in_flight = self.in_flight, None
        assert sent is not None
        sent()

    def client_sends(self, content: bytes | None) -> None:
        receiver, self.receiver = self.receiver, None
        assert receiver is not None
        receiver(content)


class Happened(NamedTuple):
    cursor: str


class Reader:
    """A reader of the feed that has one event for a client that resumes."""

    cursor = "41"

    def __init__(self, *_: Any) -> None:
        self.is_replaying, self.is_closed = True, False

    def take(self) -> list[Any]:
        self.is_replaying = False
        return [Happened(cursor="42")]

    def close(self) -> None:
        self.is_closed = True


def opened(settings: Any, **options: Any) -> tuple[Stream, Wire]:
    settings.RATE_LIMITS = False
    stream, wire = Stream(METHOD, Context(**options)), Wire()
    stream.wire, stream.request_id, stream.service.caller = wire, "a" * 32, SimpleNamespace(pk=None)
    stream.work = lambda job, *args: job(*args)
    return stream, wire


def answering(settings: Any) -> tuple[Stream, Wire]:
    """A stream that has begun, and sends each message back."""
    stream, wire = opened(settings)
    stream.begin(StreamSpec(reply=lambda message: message))
    stream.receive()
    return stream, wire


def test_call_that_is_over_before_it_opens_is_forgotten(settings):
    stream, wire = opened(settings, is_over=True)

    stream.open()

    assert stream not in singleton(OpenCalls)._calls
    assert (wire.sent, wire.receiver, wire.status) == ([], None, None)


def test_reader_of_a_call_that_ended_meanwhile_is_closed_at_once(settings, monkeypatch):
    readers: list[Reader] = []
    monkeypatch.setattr(streams, "FeedReader", lambda *given: readers.append(Reader(*given)) or readers[-1])
    stream, wire = opened(settings)
    stream._close()

    stream.begin(StreamSpec(match=lambda event: True))

    assert readers[0].is_closed
    assert (stream.context.head, wire.sent) == (None, [])


def test_events_after_the_cursor_are_read_once_however_often_the_stream_is_woken(settings, monkeypatch):
    monkeypatch.setattr(streams, "FeedReader", Reader)
    stream, wire = opened(settings)
    jobs: list[tuple[Any, ...]] = []
    stream.work = lambda *job: jobs.append(job)

    stream.begin(StreamSpec(match=lambda event: True, write=lambda event: pb.ProductUpdate(cursor=event.cursor)))
    stream.wake()
    ((job,),) = jobs
    job()
    wire.client_reads()

    assert dict(stream.context.head)["cursor"] == "41"
    assert [pb.ProductUpdate.FromString(content).cursor for content in wire.sent[:1]] == ["42"]
    assert stream.cursor == "42"


def test_message_in_flight_arrives_before_the_end_and_only_the_first_reason_counts(settings):
    stream, wire = answering(settings)
    wire.client_sends(MESSAGE)

    stream.end(Unavailable("The first"))
    stream.end(Unavailable("The second"))
    before = wire.status
    wire.client_reads()

    assert before is None
    assert wire.status[:2] == (grpc.StatusCode.UNAVAILABLE, "The first")
    assert wire.sent == [MESSAGE]


def test_receiving_pauses_while_a_hundred_replies_wait_and_goes_on_when_they_are_read(settings):
    _, wire = answering(settings)
    for _ in range(MAX_REPLIES_WAITING + 1):  # one is in flight, and so many wait
        wire.client_sends(MESSAGE)
    is_paused = wire.receiver is None

    for _ in range(MAX_REPLIES_WAITING + 1):
        wire.client_reads()
    resumes = wire.receiver is not None

    assert (is_paused, resumes) == (True, True)
    assert wire.sent == [MESSAGE] * (MAX_REPLIES_WAITING + 1)


def test_stream_ends_when_the_replies_to_the_last_messages_are_read(settings):
    _, wire = answering(settings)
    wire.client_sends(MESSAGE)
    wire.client_sends(MESSAGE)
    wire.client_sends(None)

    wire.client_reads()
    before = wire.status
    wire.client_reads()

    assert before is None
    assert wire.status[0] == grpc.StatusCode.OK
    assert len(wire.sent) == 2


def test_stream_without_replies_ends_at_once_after_the_last_message(settings):
    stream, wire = opened(settings)
    stream.begin(StreamSpec())
    stream.receive()

    wire.client_sends(MESSAGE)
    wire.client_sends(None)

    assert (wire.sent, wire.status[0]) == ([], grpc.StatusCode.OK)


@pytest.mark.parametrize(
    ("late", "code"),
    [("client", grpc.StatusCode.INVALID_ARGUMENT), ("method", grpc.StatusCode.UNAVAILABLE), ("nobody", None)],
)
def test_stream_that_does_not_begin_in_time_is_ended(settings, late, code):
    settings.BODY_TIMEOUT_S, settings.ANSWER_TIMEOUT_S = 60, 5
    stream, wire = opened(settings)
    after_s = {"client": 61, "method": 6, "nobody": 4}[late]

    stream.check_timeouts(time.monotonic() + after_s)

    status = wire.cut_with or wire.status
    assert (status and status[0]) == code


def test_stream_that_has_begun_may_be_silent(settings):
    stream, wire = answering(settings)

    stream.check_timeouts(time.monotonic() + 10_000)

    assert (wire.status, wire.cut_with) == (None, None)


def test_client_that_reads_nothing_is_cut_off_with_the_reason(settings):
    stream, wire = answering(settings)

    stream._give_up()

    assert wire.cut_with[0] == grpc.StatusCode.UNAVAILABLE
    assert "slow_reader" in wire.cut_with[1]
