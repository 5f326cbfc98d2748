"""Running an operation, within what an answer may hold."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from graphql import DocumentNode, ExecutionContext, ExecutionResult, GraphQLError, OperationType, execute_sync

from ecommerce.errors import DomainError
from ecommerce.graph.errors import TooComplex
from ecommerce.schema import schema

MAX_VALUES = 250_000


def run(
    document: DocumentNode, operation_name: str | None, variables: Mapping[str, Any], request: Any
) -> ExecutionResult:
    """Execute an operation of a valid document; resolvers find the request in `info.context`."""
    return execute_sync(
        schema.graphql_schema,
        document,
        context_value=request,
        variable_values=dict(variables),
        operation_name=operation_name,
        execution_context_class=BoundedExecution,
        hide_suggestions=not settings.DEBUG,
    )


class BoundedExecution(ExecutionContext):
    """graphql-core's execution, which ends when an answer grows beyond MAX_VALUES, or at the first fault in a query.

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
        if is_fault and self.operation.operation is OperationType.QUERY:
            self.fault = self.fault or cause
        super().handle_field_error(error, return_type, path)
