"""Servers that do the same work by other means, for comparison."""
