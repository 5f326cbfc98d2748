"""Limits the objects and lists in the JSON of a request: each takes a microsecond to parse and about 100 bytes."""

import re

from core.errors import TooComplex

MAX_CONTAINERS = 20_000  # without the outermost: enough for a batch of 10,000 rows, each with an object for its price
_TEXT = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)  # possessive: an unterminated text is read only once


class ContainerCounter:
    """The remaining number of objects and lists for one request."""

    def __init__(self) -> None:
        self._left = MAX_CONTAINERS + 1

    def count(self, json: str) -> None:
        """Subtract the objects and lists of a part of the request. Raises TooComplex if too few remain."""
        self._left -= _brackets_in(_TEXT.sub("", json))
        if self._left < 0:
            raise TooComplex(f"at most {MAX_CONTAINERS} objects and lists")


def check_containers(json: str) -> None:
    """Raise TooComplex if a request holds too many objects and lists."""
    if _brackets_in(json) > MAX_CONTAINERS:  # a cheap check first: it counts brackets in texts too
        ContainerCounter().count(json)


def _brackets_in(text: str) -> int:
    return text.count("[") + text.count("{")
