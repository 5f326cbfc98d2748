"""Django's PostgreSQL backend, with bounded waits and without stale connections, and what only PostgreSQL needs."""
