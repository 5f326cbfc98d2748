"""Runs the ```console blocks of a Markdown page, and compares the output with the printed one.

A command begins with `$ `. It goes on after a backslash and inside a here-document. The lines after it are its output,
in which `...` stands for any text, and white space does not count. The commands of a page share one shell, so that
variables stay.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HERE = re.compile(r"<<'?(\w+)'?")
MARK = "== end of an example =="
TIMEOUT_S = 120


class Example(NamedTuple):
    command: str
    output: str


def examples_in(text: str) -> list[Example]:
    return [example for block in BLOCK.findall(text) for example in _examples(block.splitlines())]


def _examples(lines: list[str]) -> Iterator[Example]:
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for start, following in zip(starts, [*starts[1:], len(lines)], strict=True):
        end = _end_of_command(lines, start)
        command = "\n".join(lines[start:end])
        yield Example(command.removeprefix("$ "), "\n".join(lines[end:following]))


def _end_of_command(lines: list[str], start: int) -> int:
    word = HERE.search(lines[start])
    if word:
        return lines.index(word[1], start) + 1
    end = start
    while lines[end].endswith("\\"):
        end += 1
    return end + 1


def outputs_of(examples: list[Example], folder: Path, env: Mapping[str, str]) -> list[str]:
    """Run the commands in one shell, and return what each wrote to stdout and stderr."""
    script = "\n".join(f"{{ {example.command}\n}} 2>&1\necho '{MARK}'" for example in examples)
    run = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    return run.stdout.split(f"{MARK}\n")[:-1]


def is_as_printed(printed: str, found: str) -> bool:
    parts = ("".join(part.split()) for part in printed.split("..."))
    return re.fullmatch(".*".join(map(re.escape, parts)), "".join(found.split()), re.DOTALL) is not None
