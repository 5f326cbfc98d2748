"""What a process imports as it starts, and when it looks for garbage."""

import subprocess
import sys

import pytest

from tests.support.live import ROOT

LATE = {"openpyxl", "properdocs", "redis", "rich", "xlsxwriter"}  # 0.4 s of a start, and most processes use none


def run(program: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout


@pytest.mark.long
def test_server_imports_no_library_that_it_may_never_use() -> None:
    imported = run("import sys, ecommerce.asgi; print(*sys.modules)").split()

    assert "uvicorn" in imported
    assert LATE & set(imported) == set()


def test_garbage_is_collected_seldom_until_the_start_has_ended() -> None:
    program = """
import gc, ecommerce
from core.server.start.garbage import end_start
print(gc.isenabled(), gc.get_threshold()[0], gc.get_freeze_count())
end_start()
print(gc.isenabled(), gc.get_threshold()[0], gc.get_freeze_count() > 1_000)
"""

    assert run(program).splitlines() == ["True 50000 0", "True 700 True"]
