"""Traces for OpenTelemetry, if OTEL_EXPORTER_OTLP_ENDPOINT is set; else nothing of OpenTelemetry is imported.

A request has one span, over REST, GraphQL, Connect, gRPC-Web and gRPC, which continues the caller's `traceparent`, and
one span for each SQL statement. The packages that instrument Django, gRPC and psycopg do not fit: Django's sees no
request of the fast path, gRPC's replaces the handlers that hold no thread, and psycopg's sees no prepared statement.
"""
