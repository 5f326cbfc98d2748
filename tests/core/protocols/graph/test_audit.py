"""GraphQL over HTTP as seen by npm's graphql-http, the specification's test suite (tests/support/npm.py)."""

import json
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).with_name("graphql_audit.cjs")


def test_every_audit_of_graphql_http_is_ok(npm_packages: str, live_shop) -> None:
    url = f"{live_shop().url}/graphql"

    done = subprocess.run(
        ["node", str(SCRIPT), npm_packages, url], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert [result for result in results if result[0] != "ok"] == []
    assert len(results) == 61
