"""A page in a headless Chromium, driven by the DevTools protocol.

with chromium_page(f"{shop.url}/graphql") as page:
    page.wait_for("document.querySelector('button')")
    assert page.value_of("document.title") == "..."
"""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

PATIENCE_S = 30
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]


class Page:
    """One page, and what its console said of errors."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection, self._commands = connection, 0
        self.errors: list[str] = []

    def command(self, method: str, **params: Any) -> Any:
        self._commands += 1
        self._connection.send(json.dumps({"id": self._commands, "method": method, "params": params}))
        while (message := json.loads(self._connection.recv(PATIENCE_S))).get("id") != self._commands:
            if message["method"] == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
                self.errors.append(message["params"]["entry"]["text"])
        return message["result"]

    def value_of(self, expression: str) -> Any:
        """Return what an expression, or the promise it gives, is in the page."""
        options = {"returnByValue": True, "awaitPromise": True}
        result = self.command("Runtime.evaluate", expression=expression, **options)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.value_of(f"Boolean({expression})"):
            assert time.monotonic() < deadline, f"{expression}: {self.errors}"
            time.sleep(0.05)


@contextmanager
def chromium_page(url: str) -> Iterator[Page]:
    """Open a page; skip the test where there is no Chromium."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("needs Chromium: none is installed")
    with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        command = [chromium, *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank"]
        browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with connect(_address(Path(profile)), max_size=None, compression=None) as connection:
                page = Page(connection)
                page.command("Log.enable")
                page.command("Page.navigate", url=url)
                yield page
        finally:
            browser.kill()
            browser.wait()


def _address(profile: Path) -> str:
    """Return where the page of a Chromium that starts is to be driven."""
    file, deadline = profile / "DevToolsActivePort", time.monotonic() + PATIENCE_S
    while not file.exists() or len(lines := file.read_text().splitlines()) < 2:
        assert time.monotonic() < deadline, "Chromium does not start"
        time.sleep(0.05)
    targets = httpx.get(f"http://127.0.0.1:{lines[0]}/json/list").json()
    return next(target["webSocketDebuggerUrl"] for target in targets if target["type"] == "page")
