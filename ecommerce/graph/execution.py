"""Running an operation, within what an answer may hold."""

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

from ecommerce.errors import DomainError
from ecommerce.graph.errors import TooComplex
from ecommerce.graph.sources import Source
from ecommerce.schema import schema

MAX_VALUES = 250_000


def run(
    document: DocumentNode, operation_name: str | None, variables: Mapping[str, Any], request: Any, root: Any = None
) -> ExecutionResult:
    """Execute an operation of a valid document; resolvers find the request in `info.context`.

    Of a subscription, `root` is the event that is answered to.
    """
    return execute_sync(
        schema.graphql_schema,
        document,
        root,
        context_value=request,
        variable_values=dict(variables),
        operation_name=operation_name,
        execution_context_class=BoundedExecution,
        hide_suggestions=not settings.DEBUG,
    )


def source_of(
    document: DocumentNode, operation_name: str | None, variables: Mapping[str, Any], request: Any
) -> Source | ExecutionResult:
    """Return what a subscription of a valid document follows, or what is wrong with it."""
    opening = create_source_event_stream(
        schema.graphql_schema,
        document,
        context_value=request,
        variable_values=dict(variables),
        operation_name=operation_name,
        hide_suggestions=not settings.DEBUG,
    )
    try:
        opening.send(None)
    except StopIteration as done:
        return done.value
    raise TypeError("subscribe_... of a field must not wait for anything: it says what to follow, and is over")


class BoundedExecution(ExecutionContext):
    """graphql-core's execution, which ends when an answer grows beyond MAX_VALUES, or at the first fault of what reads.

    What fails for one row by a fault fails for the next too: a database that hangs would be waited for once a row.
    """

    values = 0
    fault: Exception | None = None

    def execute_fields(self, parent_type: Any, source_value: Any, path: Any, fields: Any) -> Any:
        """Count the fields of one object, then do as ever. Raises TooComplex, and the fault."""
        if self.fault is not None:
            raise self.fault
        self.values += len(fields)
        if self.values > MAX_VALUES:
            raise TooComplex(f"The answer is too large: values max is {MAX_VALUES}")
        return super().execute_fields(parent_type, source_value, path, fields)

    def handle_field_error(self, error: GraphQLError, return_type: Any, path: Any) -> None:
        """Remember a fault, then do as ever."""
        cause = error.original_error
        is_fault = cause is not None and not isinstance(cause, GraphQLError | DomainError)
        if is_fault and self.operation.operation is not OperationType.MUTATION:
            self.fault = self.fault or cause
        super().handle_field_error(error, return_type, path)
