"""Reads facts from the answers of a task. An answer is decoded JSON or a message of protobuf."""

from collections.abc import Iterable, Mapping, Sequence

from google.protobuf.message import Message

from samples.compare.tasks import PROTOCOLS, Task

Answers = Sequence[Sequence[object]]  # for each step, the answers to its requests


def values_at(path: str, answer: object) -> list[object]:
    """Return the values at a path such as `orders.items.name`; lists on the way are entered."""
    found = [answer]
    for name in path.split("."):
        found = [value for node in found for value in _entries(_member(node, name))]
    return found


def _member(node: object, name: str) -> object:
    return getattr(node, name) if isinstance(node, Message) else node.get(name) if isinstance(node, Mapping) else None


def _entries(value: object) -> Iterable[object]:
    is_one = value is None or isinstance(value, str | bytes | Mapping | Message) or not isinstance(value, Iterable)
    return (value,) if is_one else value  # type: ignore[return-value]  # mypy does not narrow by a stored condition


def distinct(values: Iterable[object]) -> list[object]:
    """Return the values without repetitions, in their order."""
    return list(dict.fromkeys(values))


def fact_in(path: str, answers: Answers) -> object:
    step, _, rest = path.partition(":")
    if step == "#":
        return len(distinct(value for each in answers for answer in each for value in values_at(rest, answer)))
    return distinct(_comparable(value) for answer in answers[int(step)] for value in values_at(rest, answer))


def _comparable(value: object) -> object:
    """Return a value as all protocols write it: the status of an order is in capitals in GraphQL."""
    return value.casefold() if isinstance(value, str) else value


def disagreements(task: Task, answers: Mapping[str, Answers]) -> list[str]:
    """Return the names of the facts in which the protocols' answers differ, or that an answer lacks."""
    return [
        name
        for name, paths in task.facts.items()
        if not _agree([fact_in(path, answers[protocol]) for protocol, path in zip(PROTOCOLS, paths, strict=True)])
    ]


def _agree(facts: Sequence[object]) -> bool:
    is_known = facts[0] not in ([], [None], 0)
    return is_known and all(fact == facts[0] for fact in facts)
