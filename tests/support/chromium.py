"""Pages in a headless Chromium, driven by the DevTools protocol. `chromium` is a fixture (tests/conftest.py).

with chromium.page(f"{shop.url}/graphql") as page:
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

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.support.waiting import PATIENCE_S, wait_until

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-sync",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-startup-window",
]


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


class Browser:
    """A running Chromium. It has no window until a page is opened."""

    def __init__(self, address: str, connection: ClientConnection) -> None:
        self._address, self._all = address, Page(connection)

    @contextmanager
    def page(self, url: str) -> Iterator[Page]:
        """Open a page that shares no cookies and no storage with others, and close it after the block."""
        context = self._all.command("Target.createBrowserContext")["browserContextId"]
        target = self._all.command("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        try:
            with connect(f"{self._address}/devtools/page/{target}", max_size=None, compression=None) as connection:
                page = Page(connection)
                page.command("Log.enable")
                page.command("Runtime.enable")
                page.command("Page.navigate", url=url)
                yield page
        finally:
            self._all.command("Target.disposeBrowserContext", browserContextId=context)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start Chromium once for all tests of this process; skip them if it is not installed."""
    with running_chromium() as browser:
        yield browser


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Start Chromium, and end it after the block. Skips the test if it is not installed."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        pytest.skip("needs Chromium: none is installed")
    with TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        command = [program, *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-port=0"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            address, path = _address(Path(profile))
            with connect(address + path, max_size=None, compression=None) as connection:
                yield Browser(address, connection)
        finally:
            process.kill()
            process.wait()


def _address(profile: Path) -> tuple[str, str]:
    """Wait until Chromium has started; return the DevTools address, and the browser's path there."""
    file = profile / "DevToolsActivePort"
    wait_until(lambda: file.exists() and len(file.read_text().splitlines()) >= 2, "Chromium does not start")
    port, path = file.read_text().splitlines()[:2]
    return f"ws://127.0.0.1:{port}", path
