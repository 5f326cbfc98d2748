"""The state of one process, in one object: open streams, thread pools, budgets, breakers and caches."""

import os
import threading
from typing import Any, TypeVar

Object = TypeVar("Object")


class Runtime:
    """Holds the singletons of a process: one object of each class, created on first use.

    So no thread starts before a fork, and a test can begin with a new Runtime.
    """

    def __init__(self) -> None:
        self.objects: dict[type[Any], Any] = {}
        self._lock = threading.RLock()  # one object may create another while it is created

    def get(self, of_class: type[Object]) -> Object:
        if of_class not in self.objects:
            with self._lock:
                if of_class not in self.objects:
                    self.objects[of_class] = of_class()
        found: Object = self.objects[of_class]
        return found

    def put(self, of_class: type[Object], replacement: Object) -> None:
        self.objects[of_class] = replacement


_current = Runtime()


def singleton(of_class: type[Object]) -> Object:
    """Return the process's only object of a class."""
    found: Object | None = _current.objects.get(of_class)  # here, not in `get`: each request asks several times
    return _current.get(of_class) if found is None else found


def begin_runtime() -> Runtime:
    """Start with new state: in a test, and after a fork, which does not copy the parent's threads."""
    global _current
    _current = Runtime()
    return _current


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=begin_runtime)
