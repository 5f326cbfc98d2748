"""Fail when the branch coverage of the inner rooms is below the percentage given: `branches.py coverage.json 98`."""

import json
import sys
from pathlib import Path

totals = json.loads(Path(sys.argv[1]).read_text())["totals"]
covered, branches = totals["covered_branches"], totals["num_branches"]
percent = 100 * covered / branches
print(f"Inner rooms: {covered} of {branches} branches covered, {percent:.1f} %")  # noqa: T201  # a command's answer
sys.exit(percent < float(sys.argv[2]))
