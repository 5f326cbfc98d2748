"""In a module that is marked `unmeasured` no branches are measured, and after it they are again."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.live import ROOT

pytestmark = pytest.mark.same_everywhere

PROGRAM = """
import os
from coverage import Coverage
from tests.support.measuring import COVERAGE, unmeasured

measurement = Coverage(data_file=None, source=[os.environ["MODULES"]])
measurement.start()
os.environ[COVERAGE] = "for child processes"
with unmeasured():
    import inside
    assert COVERAGE not in os.environ
import after
measurement.stop()
assert os.environ[COVERAGE] == "for child processes"
data = measurement.get_data()
print({os.path.basename(file) for file in data.measured_files() if data.lines(file)})
"""


def test_only_the_code_after_the_block_is_measured(tmp_path: Path) -> None:
    for name in ("inside", "after"):
        (tmp_path / f"{name}.py").write_text("number = 1\n")
    env = {"PYTHONPATH": f"{ROOT}:{tmp_path}", "MODULES": str(tmp_path)}

    run = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=False)

    assert (run.stdout, run.stderr) == ("{'after.py'}\n", "")
