"""The methods of a service as grpcio calls them."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

import grpc
from django.conf import settings
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from core.django_internals import connection_of_thread
from core.errors import InvalidInput, RateLimited
from core.faults import refusal_for
from core.metrics.facts import note_caller
from core.permissions import anyone
from core.protocols.rpc.caller import CallContext, grpc_address, metadata_of
from core.protocols.rpc.errors import GONE, budget_metadata, request_metadata, status_of
from core.protocols.rpc.received import ReceivedAhead
from core.server import logs
from core.server.bodies import ClientGone
from core.server.leases import Lease, no_slot
from core.server.tracing.hooks import call_span

if TYPE_CHECKING:
    from core.protocols.rpc.service import Service


def close_broken_connection() -> None:
    """Close this thread's connection if it is broken or too old.

    Replaces the framework's signals, which check the connections to all databases and take 10 us.
    """
    connection_of_thread().close_if_unusable_or_obsolete()


class Method:
    """One method of a service. Every call gets a new instance of `service_class(**initkwargs)`."""

    def __init__(
        self, service_class: "type[Service]", initkwargs: Mapping[str, Any], descriptor: MethodDescriptor
    ) -> None:
        self.service_class, self.initkwargs = service_class, initkwargs
        self.descriptor, self.name = descriptor, descriptor.name
        self.path = f"/{descriptor.containing_service.full_name}/{descriptor.name}"
        self.request_class = GetMessageClass(descriptor.input_type)
        self.response_class = GetMessageClass(descriptor.output_type)

    def handler(self) -> grpc.RpcMethodHandler:
        """Return the handler to register with a grpcio server."""
        raise NotImplementedError

    def service_for(self, context: grpc.ServicerContext) -> "Service":
        metadata = metadata_of(context)
        return self.service_of(context, metadata, grpc_address(context, metadata))

    def service_of(self, context: CallContext, metadata: Mapping[str, str], address: str) -> "Service":
        """Return the service for one call."""
        service = self.service_class(**self.initkwargs)
        service.action, service.context = self.name, context
        service.metadata, service.address = metadata, address
        return service

    def read(self, content: bytes) -> Message:
        """Return the message, or UNREADABLE if it can't be parsed: if this raised, grpcio would send its own error."""
        try:
            message: Message = self.request_class.FromString(content)
        except DecodeError:
            return UNREADABLE
        return message

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Close a broken database connection of this thread before and after the block."""
        close_broken_connection()
        try:
            yield
        finally:
            close_broken_connection()

    def log(self, service: "Service", code: grpc.StatusCode, started_at: float) -> None:
        note_caller(service.caller_id)
        logs.write_line(
            method="gRPC",
            path=self.path,
            status=code.name,
            seconds=time.perf_counter() - started_at,
            address=service.address,
        )


# If the core refuses a message, the stream seems to end normally; the call becomes inactive a moment later.
SETTLE_S = 0.02
UNREADABLE = Message()  # grpcio treats None as an internal error


def readable(message: Message) -> Message:
    """Return the message. Raises InvalidInput if it could not be parsed."""
    if message is UNREADABLE:
        raise InvalidInput("The message can't be read")
    return message


def not_arrived() -> InvalidInput:
    return InvalidInput(f"The message did not arrive within {settings.BODY_TIMEOUT_S} s")


class ClientStreaming(Method):
    """A method with a stream of messages and one response. It has threads of its own, because each call blocks one."""

    AT_ONCE = 8

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._slots = BoundedSemaphore(self.AT_ONCE)
        # Two threads more than there are slots: they refuse a call when no slot is free.
        self.experimental_thread_pool = ThreadPoolExecutor(self.AT_ONCE + 2, thread_name_prefix=self.name)

    def handler(self) -> grpc.RpcMethodHandler:
        handler: grpc.RpcMethodHandler = grpc.stream_unary_rpc_method_handler(
            self, response_serializer=self.response_class.SerializeToString
        )
        return handler

    def __call__(self, requests: object, context: grpc.ServicerContext) -> Message:
        started_at, code = time.perf_counter(), grpc.StatusCode.OK
        service = self.service_for(context)
        in_request = logs.in_request(service.metadata.get("x-request-id", ""), "grpc")
        with in_request, call_span(self.path, service.metadata):
            try:
                with self.connected():
                    response = self._answer(service, context)
            except (ClientGone, grpc.RpcError):
                code = grpc.StatusCode.CANCELLED
                context.abort(code, GONE)
            except Exception as error:  # noqa: BLE001  # grpcio would send its text to the client
                refusal = refusal_for(error)
                status = status_of(refusal, *budget_metadata(service.budget, refusal))
                code = status.code
                context.abort_with_status(status)
            finally:
                self.log(service, code, started_at)
            context.set_trailing_metadata((*request_metadata(), *budget_metadata(service.budget)))
        return response

    def _answer(self, service: "Service", context: grpc.ServicerContext) -> Message:
        if not self._slots.acquire(blocking=False):
            raise RateLimited(f"{self.name} serves at most {self.AT_ONCE} calls at once", retry_after_s=1)
        try:
            service.check_is_awaited()
            service.enter()
            with closing(Lease()) as lease:
                lease.grant(service.identity, by_role=service.rule() is not anyone, hold=no_slot)
                service.request = self._permitted_messages(service, ReceivedAhead(context), lease)
                response: Message = getattr(service, self.name)(service.request, service.context)
                return response
        finally:
            self._slots.release()

    def _permitted_messages(self, service: "Service", contents: Iterator[bytes], lease: Lease) -> Iterator[Message]:
        """Yield the messages while the caller has the right to send them.

        Raises the reason if the caller loses that right, and ClientGone if the call is broken after the last message.
        """
        for content in contents:
            if lease.reason is not None:
                raise lease.reason
            yield readable(self.read(content))
        time.sleep(SETTLE_S)
        service.check_is_awaited()
