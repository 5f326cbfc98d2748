"""What `manage.py prune` deletes for the apps."""

from collections.abc import Callable

PRUNERS: dict[str, Callable[[], int]] = {}  # by the name in the command's output; each returns the number deleted
