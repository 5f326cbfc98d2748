"""Reads the settings from the environment."""
