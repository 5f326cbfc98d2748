"""The methods of a service as grpcio calls them."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Any

import grpc
from django.conf import settings
from django_grpc_framework.signals import grpc_request_finished, grpc_request_started
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from ecommerce import logs
from ecommerce.errors import InvalidInput, RateLimited
from ecommerce.rpc.caller import address_of, metadata_of
from ecommerce.rpc.errors import GONE, ClientGone, budget_metadata, refusal_of, request_metadata, status_of


class Method:
    """One method of a service. `service_class(**initkwargs)` is made anew for every call."""

    def __init__(self, service_class: type[Any], initkwargs: Mapping[str, Any], descriptor: MethodDescriptor) -> None:
        self.service_class, self.initkwargs = service_class, initkwargs
        self.descriptor, self.name = descriptor, descriptor.name
        self.path = f"/{descriptor.containing_service.full_name}/{descriptor.name}"
        self.request_class = GetMessageClass(descriptor.input_type)
        self.response_class = GetMessageClass(descriptor.output_type)

    def handler(self) -> grpc.RpcMethodHandler:
        """Return what a grpcio server is given."""
        raise NotImplementedError

    def service_for(self, context: Any) -> Any:
        return self.service_of(context, metadata_of(context), address_of(context))

    def service_of(self, context: Any, metadata: Mapping[str, str], address: str) -> Any:
        """Return the service for one call; of the context only `is_active` is asked."""
        service = self.service_class(**self.initkwargs)
        service.action, service.context = self.name, context
        service.metadata, service.address = metadata, address
        return service

    def read(self, content: bytes) -> Message | None:
        """Return the message; None stands for one that can't be read, and grpcio would answer by itself."""
        try:
            return self.request_class.FromString(content)
        except DecodeError:
            return UNREADABLE

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Replace a database connection that broke, as the framework's signals do, before and after."""
        grpc_request_started.send(sender=self)
        try:
            yield
        finally:
            grpc_request_finished.send(sender=self)

    def log(self, service: Any, code: grpc.StatusCode, started_at: float) -> None:
        logs.write_line(
            method="gRPC",
            path=self.path,
            status=code.name,
            seconds=time.perf_counter() - started_at,
            address=service.address,
        )


# A message that the core refuses looks like the end of the stream, and a moment later the call is over.
SETTLE_S = 0.02
UNREADABLE: Any = object()  # grpcio takes None for a fault of ours


def readable(message: Message) -> Message:
    """Pass a message that could be read. Raises InvalidInput."""
    if message is UNREADABLE:
        raise InvalidInput("The message can't be read")
    return message


def not_arrived() -> InvalidInput:
    return InvalidInput(f"The message did not arrive within {settings.BODY_TIMEOUT_S} s")


class Collecting(Method):
    """A stream of messages, one answer. Its thread waits for the client, so it has threads of its own, and few."""

    AT_ONCE = 8

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._places = BoundedSemaphore(self.AT_ONCE)
        # Two more than there are places: they say that there is none.
        self.experimental_thread_pool = ThreadPoolExecutor(self.AT_ONCE + 2, thread_name_prefix=self.name)

    def handler(self) -> grpc.RpcMethodHandler:
        return grpc.stream_unary_rpc_method_handler(
            self, request_deserializer=self.read, response_serializer=self.response_class.SerializeToString
        )

    def __call__(self, requests: Iterator[Message], context: Any) -> Message:
        started_at, code = time.perf_counter(), grpc.StatusCode.OK
        service = self.service_for(context)
        with logs.named(service.metadata.get("x-request-id", "")):
            try:
                with self.connected():
                    response = self._answer(service, requests)
            except (ClientGone, grpc.RpcError):
                code = grpc.StatusCode.CANCELLED
                context.abort(code, GONE)
            except Exception as error:  # noqa: BLE001  # none may reach grpcio, which would tell its text
                refusal = refusal_of(error)
                status = status_of(refusal, *budget_metadata(service.budget, refusal))
                code = status.code
                context.abort_with_status(status)
            finally:
                self.log(service, code, started_at)
            context.set_trailing_metadata((*request_metadata(), *budget_metadata(service.budget)))
        return response

    def _answer(self, service: Any, requests: Iterator[Message]) -> Message:
        if not self._places.acquire(blocking=False):
            raise RateLimited(f"{self.name} serves {self.AT_ONCE} calls at once", retry_after_s=1)
        try:
            service.check_is_awaited()
            service.enter()
            service.request = self._whole(service, requests)
            return getattr(service, self.name)(service.request, service.context)
        finally:
            self._places.release()

    @staticmethod
    def _whole(service: Any, requests: Iterator[Message]) -> Iterator[Message]:
        """Pass the messages on. Raises ClientGone when the last was not the client's last word."""
        yield from map(readable, requests)
        time.sleep(SETTLE_S)
        service.check_is_awaited()
