"""Headers that keep a request from the fast path."""

import re
from pathlib import Path

from django.conf import settings

from core.server.bridge.plain_request import READ_BY_VIEWS

# The fast path reads these as the views do, or they are read for streams, for the admin or behind both paths.
READ_ALIKE = {"accept", "authorization", "origin", "user-agent", "x-request-id"}
READ = re.compile(r"""request\.headers(?:\.get\(|\[)\s*"([\w-]+)"|META(?:\.get\(|\[)\s*"HTTP_(\w+)\"""")


def test_every_header_that_a_view_reads_is_known_to_the_fast_path():
    sources = [
        path
        for app in ("accounts", "catalog", "core", "ecommerce", "orders", "reports", "samples", "webhooks")
        for path in Path(settings.BASE_DIR, app).rglob("*.py")
    ]
    found = [match for path in sources for match in READ.findall(path.read_text())]
    read = {(name or key.replace("_", "-")).lower() for name, key in found}

    assert {"accept", "idempotency-key", "if-match"} <= read
    assert read <= READ_BY_VIEWS | READ_ALIKE
