"""Runs a task with one client: its steps one after the other, the requests of one step together."""

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from uuid import uuid4

from samples.compare.answers import Answers, distinct, values_at
from samples.compare.clients import ProtocolClient
from samples.compare.tasks import Json, TaskStep, Values

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Runner:
    """Runs tasks. `values` fills the placeholders in the steps; `headers` are sent with each request."""

    def __init__(self, values: Values, headers: Mapping[str, str], executor: Executor) -> None:
        self._values, self._headers, self._executor = values, headers, executor

    def run(self, client: ProtocolClient, steps: Sequence[TaskStep]) -> Answers:
        values = {**self._values, "key": uuid4().hex}
        answers: list[list[object]] = []
        for step in steps:
            answers.append(self._step(client, step, values, answers[-1] if answers else []))
        return answers

    def _step(self, client: ProtocolClient, step: TaskStep, values: Values, before: list[object]) -> list[object]:
        if not step.each:
            return [self._ask(client, step, values)]
        found = distinct(value for answer in before for value in values_at(step.each, answer))
        return list(self._executor.map(partial(self._ask, client, step), ({**values, "each": each} for each in found)))

    def _ask(self, client: ProtocolClient, step: TaskStep, values: Values) -> object:
        headers = {**self._headers, **filled(dict(step.headers), values)}
        return client.ask(filled(step.call, values), filled(step.message, values), headers)


def filled(template: Json, values: Values) -> Json:
    """Replace the placeholders in a template. A text that is only one becomes the value itself, such as a number."""
    if isinstance(template, Mapping):
        return {name: filled(each, values) for name, each in template.items()}
    if isinstance(template, list):
        return [filled(each, values) for each in template]
    if not isinstance(template, str):
        return template
    alone = _PLACEHOLDER.fullmatch(template)
    if alone and alone[1] in values:
        return values[alone[1]]
    return _PLACEHOLDER.sub(lambda place: str(values.get(place[1], place[0])), template)
