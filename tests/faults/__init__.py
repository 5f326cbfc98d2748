"""Faults that are caused under load: killed processes, and outages of the database, the network and Redis."""
