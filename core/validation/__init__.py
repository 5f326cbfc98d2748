"""Checks of values, whatever the protocol."""
