"""Django's SQLite backend, with triggers that survive a migration, and without broken connections."""
