"""Django's PostgreSQL backend, with bounded waits and without stale connections."""
