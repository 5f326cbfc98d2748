"""GraphQL over HTTP as those see it who wrote the specification's test suite: npm's graphql-http.

npm install --prefix /tmp/graphql-http graphql-http@1.23.1 graphql@16.15.0
GRAPHQL_HTTP=/tmp/graphql-http python -m pytest tests/ecommerce/test_graphql_audit.py
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("graphql_audit.cjs")


@pytest.fixture
def folder() -> str:
    """Where graphql-http is installed."""
    folder = os.environ.get("GRAPHQL_HTTP")
    if not folder:
        pytest.skip("needs node and npm's graphql-http: GRAPHQL_HTTP names no folder that has it")
    return folder


def test_every_audit_of_graphql_http_is_ok(folder: str, live_shop) -> None:
    url = f"{live_shop().url}/graphql"

    done = subprocess.run(["node", str(SCRIPT), folder, url], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert [result for result in results if result[0] != "ok"] == []
    assert len(results) == 61
