"""When Python looks for garbage: seldom while a process starts, later without the objects of the start."""

import gc

STARTING = 50_000  # new objects between two collections: most of a start's are kept, and looking costs a fifth of it
SERVING = gc.get_threshold()


def collect_seldom() -> None:
    """Spare the start of a process most collections. A command that serves nothing stays so."""
    gc.set_threshold(STARTING)


def end_start() -> None:
    """Exempt the objects of the start from collections, each of which would pause all threads for 0.1 s."""
    gc.freeze()
    gc.set_threshold(*SERVING)
