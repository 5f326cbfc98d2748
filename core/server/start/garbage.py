"""Garbage collection: rare while a process starts; later it skips the objects that were created at the start."""

import gc

STARTING = 50_000  # new objects between two collections, which would otherwise take a fifth of the start
SERVING = gc.get_threshold()


def collect_seldom() -> None:
    """Avoid most collections while a process starts. A command that does not serve keeps this setting."""
    gc.set_threshold(STARTING)


def end_start() -> None:
    """Exempt the existing objects from collection: a full collection would pause all threads for 0.1 s."""
    gc.freeze()
    gc.set_threshold(*SERVING)
