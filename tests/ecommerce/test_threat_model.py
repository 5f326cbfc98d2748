"""The threat model names tests and files that exist."""

import re

import pytest

from tests.support.live import ROOT

PAGE = (ROOT / "docs/threat-model.md").read_text()
ROWS = [line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| API")]


def test_each_of_the_ten_risks_has_evidence_in_each_protocol():
    assert [row[0].split()[0] for row in ROWS] == [f"API{number}" for number in range(1, 11)]
    assert [row[0] for row in ROWS if len(row) != 5 or not all("`" in cell for cell in row[2:])] == []


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([\w/]+\.(?:py|proto|graphql)(?:::\w+)?)`", PAGE))))
def test_evidence_exists(name):
    path, _, test = name.partition("::")

    assert (ROOT / path).is_file()
    assert not test or f"def {test}(" in (ROOT / path).read_text()
