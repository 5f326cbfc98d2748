"""Stores comparisons: the last one of this machine beside the database, and a reference in the source."""

import json
import logging
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from core.server.start.secret import folder
from samples.compare.figures import Comparison
from samples.compare.situations import rows_of

log = logging.getLogger(__name__)
COMMITTED = Path(__file__).parent / "measured.json"
FILE_NAME = "comparison.json"
BEGIN, END = "<!-- compare: begin -->", "<!-- compare: end -->"


def own_path() -> Path:
    return folder(settings.DATABASES["default"], settings.BASE_DIR) / FILE_NAME


def save(comparison: Comparison, path: Path) -> None:
    """Write a comparison. Readers see the previous one or this one, never a part. Raises OSError."""
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(comparison.as_json(), indent=1) + "\n", encoding="utf-8")
    draft.replace(path)


def last_comparison() -> Comparison:
    """Return the last comparison of this machine; the reference in the source if there is none or it is unreadable."""
    path = own_path()
    if path.exists():
        try:
            return comparison_in(path)
        except (ValueError, LookupError, TypeError) as error:  # another version of the shop wrote it
            log.warning("Can't read %s, so the front page shows the reference: %r", path, error)
    return comparison_in(COMMITTED)


def comparison_in(path: Path) -> Comparison:
    return _comparison_at(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _comparison_at(path: Path, changed_at: int) -> Comparison:
    return Comparison.of_json(json.loads(path.read_text(encoding="utf-8")))


def write_into(readme: Path, comparison: Comparison) -> None:
    """Replace the table between the marks of a Markdown file. Raises ValueError if it has no marks."""
    before, begin, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{readme} has no {BEGIN} and {END}")
    readme.write_text(f"{before}{BEGIN}\n{markdown_of(comparison)}\n{END}{after}", encoding="utf-8")


def markdown_of(comparison: Comparison) -> str:
    lines = ["| your situation | use | by how much |", "|---|---|---|"]
    lines += [f"| {row['case']} | **{row['use']}** | {row['by']} |" for row in rows_of(comparison)]
    return "\n".join(
        [*lines, "", f"{comparison.machine}; {comparison.measured_at[:10]}; medians of {comparison.runs_each} runs."]
    )
