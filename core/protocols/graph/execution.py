"""Executes operations, and limits the size of their results."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from graphql import (
    DocumentNode,
    ExecutionContext,
    ExecutionResult,
    GraphQLError,
    OperationType,
    create_source_event_stream,
    execute_sync,
)

from core.errors import DomainError, TooComplex
from core.protocols.graph.live.subscription_spec import SubscriptionSpec
from core.protocols.graph.served_schema import served_schema

MAX_VALUES = 250_000


def run(
    document: DocumentNode,
    operation_name: str | None,
    variables: Mapping[str, Any],
    request: object,
    root: object = None,
) -> ExecutionResult:
    """Execute an operation of a valid document; resolvers find the request in `info.context`.

    For a subscription, `root` is the event.
    """
    return execute_sync(
        served_schema(),
        document,
        root,
        context_value=request,
        variable_values=dict(variables),
        operation_name=operation_name,
        execution_context_class=BoundedExecution,
        hide_suggestions=not settings.DEBUG,
    )


def subscription_spec_of(
    document: DocumentNode, operation_name: str | None, variables: Mapping[str, object], request: object
) -> SubscriptionSpec | ExecutionResult:
    """Return the source of a subscription of a valid document, or a result with errors."""
    opening = create_source_event_stream(
        served_schema(),
        document,
        context_value=request,
        variable_values=dict(variables),
        operation_name=operation_name,
        hide_suggestions=not settings.DEBUG,
    )
    try:
        opening.send(None)
    except StopIteration as done:
        outcome: SubscriptionSpec | ExecutionResult = done.value
        return outcome
    raise TypeError("subscribe_... of a field must return its SubscriptionSpec without waiting")


class BoundedExecution(ExecutionContext):
    """graphql-core's execution. It stops if a result exceeds MAX_VALUES, or if a query or subscription has a fault.

    A fault is an unexpected exception. A fault for one row is likely for the next row too: if the database
    hangs, each row would wait for a timeout.
    """

    values = 0
    fault: Exception | None = None

    def execute_fields(self, parent_type: Any, source_value: Any, path: Any, fields: Any) -> Any:
        """Count the fields of one object, then execute them. Raises TooComplex, or an earlier fault."""
        if self.fault is not None:
            raise self.fault
        self.values += len(fields)
        if self.values > MAX_VALUES:
            raise TooComplex(f"The result is too large: values max is {MAX_VALUES}")
        return super().execute_fields(parent_type, source_value, path, fields)

    def handle_field_error(self, error: GraphQLError, return_type: Any, path: Any) -> None:
        """Remember a fault, then handle the error as graphql-core does."""
        cause = error.original_error
        is_fault = cause is not None and not isinstance(cause, GraphQLError | DomainError)
        if is_fault and self.operation.operation is not OperationType.MUTATION:
            self.fault = self.fault or cause
        super().handle_field_error(error, return_type, path)
