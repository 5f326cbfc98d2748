"""Fail if too few branches are covered: `branches.py "All code" coverage.json 95`."""

import json
import sys
from pathlib import Path

name, report, wanted = sys.argv[1:]
totals = json.loads(Path(report).read_text())["totals"]
covered, branches = totals["covered_branches"], totals["num_branches"]
percent = 100 * covered / branches
print(f"{name}: {covered} of {branches} branches covered, {percent:.1f} %")
sys.exit(percent < float(wanted))
