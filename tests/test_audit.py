"""The audit of dependencies, by pip-audit and a vulnerability service of this test's own."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import find_spec

import pytest

from tests.support.live import ROOT, free_port

pytestmark = pytest.mark.live
HASH = "0" * 64


@pytest.fixture
def audit(tmp_path):
    """Audit one requirement, against a service at a URL; return the exit code and the output."""
    if find_spec("pip_audit") is None:
        pytest.skip("pip-audit is not installed; `make install` does it")
    file = tmp_path / "locked.txt"
    file.write_text(f"example-package==1.0.0 --hash=sha256:{HASH}\n")

    def run(url):
        command = [sys.executable, ".ci/audit.py", "--vulnerability-service=osv", f"--osv-url={url}", str(file)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture
def service():
    """A server of OSV's API that responds with `server.known`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps({"vulns": self.server.known}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            """Write nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.url = f"http://127.0.0.1:{server.server_port}/query"
    yield server
    server.shutdown()
    server.server_close()


def test_known_vulnerability_fails_the_run(audit, service):
    package = {"name": "example-package", "ecosystem": "PyPI"}
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.0.1"}]}]
    affected = [{"package": package, "ranges": ranges, "versions": ["1.0.0"]}]
    service.known = [
        {"id": "PYSEC-1", "summary": "Bad", "modified": "2026-01-01T00:00:00Z", "aliases": [], "affected": affected}
    ]

    code, output = audit(service.url)

    assert code == 1
    assert "example-package 1.0.0: PYSEC-1; fixed in: 1.0.1" in output


def test_dependencies_without_one_pass(audit, service):
    service.known = []

    code, output = audit(service.url)

    assert (code, output) == (0, "0 of 1 packages have a known vulnerability; 0 not audited.\n")


def test_service_that_cannot_be_reached_is_named_and_does_not_fail_the_run(audit):
    code, output = audit(f"http://127.0.0.1:{free_port()}/query")

    assert code == 0
    assert "The vulnerability service can't be reached" in output
    assert "Nothing was audited" in output
