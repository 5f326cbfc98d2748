"""A page in a headless Chromium, driven by the DevTools protocol.

with chromium_page(f"{shop.url}/graphql") as page:
    page.wait_for("document.querySelector('button')")
    assert page.value_of("document.title") == "..."
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from tests.support.waiting import PATIENCE_S, wait_until

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
FLAGS += ["--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


class Page:
    """One page, the errors in its console, after `Network.enable` the URLs that it requested, and what it says.

    After `Runtime.addBinding`, the page says a text by calling the function of that name.
    """

    def __init__(self, connection: ClientConnection) -> None:
        self._connection, self._commands = connection, 0
        self.patience_s: float = PATIENCE_S  # while another page is on its way, Chromium may answer no command
        self.errors: list[str] = []
        self.requested: list[str] = []
        self.said: list[str] = []

    def command(self, method: str, **params: Any) -> Any:
        self._commands += 1
        self._connection.send(json.dumps({"id": self._commands, "method": method, "params": params}))
        while (message := json.loads(self._connection.recv(self.patience_s))).get("id") != self._commands:
            self._note(message["method"], message["params"])
        return message["result"]

    def _note(self, event: str, params: Any) -> None:
        """Record requests, texts, and the errors of the console: log entries of level `error`, uncaught exceptions."""
        if event == "Network.requestWillBeSent":
            self.requested.append(params["request"]["url"])
        if event == "Runtime.bindingCalled":
            self.said.append(params["payload"])
        if event == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])
        if event == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])

    def go(self, url: str) -> None:
        """Open another URL, and return when the page is loaded."""
        self.value_of("window.isLeft = true")
        self.command("Page.navigate", url=url)
        self.wait_for("!window.isLeft && document.readyState === 'complete'")

    def value_of(self, expression: str) -> Any:
        """Evaluate an expression in the page; return its value. If it is a promise, wait for its result."""
        options = {"returnByValue": True, "awaitPromise": True}
        result = self.command("Runtime.evaluate", expression=expression, **options)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def texts(self) -> Iterator[str]:
        """Yield what the page says; wait for the next text."""
        while True:
            wait_until(lambda: self.value_of("true") and self.said, lambda: f"The page says no more: {self.errors}")
            yield self.said.pop(0)

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true in the page."""
        wait_until(lambda: self.value_of(f"Boolean({expression})"), lambda: f"{expression}: {self._state()}")

    def _state(self) -> str:
        """Describe the page for the message of a failed test."""
        state = self.value_of("[location.href, document.readyState, document.activeElement?.outerHTML.slice(0, 200)]")
        return f"{self.errors}, {state}"


@contextmanager
def chromium_page(url: str) -> Iterator[Page]:
    """Open a page; skip the test if Chromium is not installed."""
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
                page.command("Runtime.enable")
                page.command("Page.navigate", url=url)
                yield page
        finally:
            browser.kill()
            browser.wait()


def _address(profile: Path) -> str:
    """Wait until Chromium has started, and return the DevTools address of its page."""
    file = profile / "DevToolsActivePort"
    wait_until(lambda: file.exists() and len(file.read_text().splitlines()) >= 2, "Chromium does not start")
    port = file.read_text().splitlines()[0]
    targets = httpx.get(f"http://127.0.0.1:{port}/json/list").json()
    return next(target["webSocketDebuggerUrl"] for target in targets if target["type"] == "page")
