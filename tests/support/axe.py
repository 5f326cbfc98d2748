"""Barriers for people with disabilities that axe-core finds in a page (tests/support/npm.py)."""

from pathlib import Path

from tests.support.chromium import Page

IMPACTS = ("serious", "critical")
RUN = "axe.run().then(({violations, passes}) => ({violations, passes: passes.length}))"


def barriers(page: Page, npm_packages: str) -> dict[str, list[str]]:
    """Return the serious and critical findings: the elements by the rule that they break."""
    page.value_of(Path(npm_packages, "node_modules/axe-core/axe.min.js").read_text() + "; 0")
    found = page.value_of(RUN)
    assert found["passes"] > 5  # a page of one message has few things to judge
    bad = [each for each in found["violations"] if each["impact"] in IMPACTS]
    return {each["id"]: [node["html"][:200] for node in each["nodes"]] for each in bad}
