"""Generators of clients in Python (tests/generators.txt), in an environment of their own.

python3 -m venv /tmp/generators && /tmp/generators/bin/pip install -r tests/generators.txt
PYTHON_GENERATORS=/tmp/generators/bin python -m pytest tests/clients
"""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def python_generators() -> Path:
    """The folder of the programs of that environment."""
    folder = os.environ.get("PYTHON_GENERATORS")
    if not folder:
        pytest.skip("needs the packages of tests/generators.txt: PYTHON_GENERATORS names no folder that has them")
    return Path(folder)
