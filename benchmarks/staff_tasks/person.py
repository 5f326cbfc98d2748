"""A member of staff at the admin: real clicks and keys in Chromium, which it counts, and the time of waiting."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.chromium import Page
from tests.support.waiting import wait_until

CLICK_S, KEY_S, DECISION_S = 1.3, 0.28, 1.35  # of the keystroke-level model
SCREEN = {"width": 1440, "height": 900, "deviceScaleFactor": 1, "mobile": False}
READY_S, PAGE_S, LONG_S = 30, 60, 900
CTRL = 2  # DevTools' number of the modifier
ENTER = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
# Scroll to the element, and return its middle. Mark the page, so that a wait knows when another has replaced it.
FIND = """
(() => {
  const found = [...document.querySelectorAll(%s)]
    .find(each => each.checkVisibility() && each.textContent.includes(%s));
  if (!found) return null;
  found.scrollIntoView({block: 'center', behavior: 'instant'});
  const {x, y, width, height} = found.getClientRects()[0];
  const middle = [x + width / 2, y + height / 2];
  const top = document.elementFromPoint(...middle);
  window.isLeft = true;
  return found.contains(top) || top?.closest('label')?.control === found ? middle : null;
})()
"""


class Effort(NamedTuple):
    """What a task took; the seconds are those of the keystroke-level model."""

    clicks: int
    keys: int
    decisions: int
    waiting_s: float

    @property
    def seconds(self) -> float:
        return CLICK_S * self.clicks + KEY_S * self.keys + DECISION_S * self.decisions + self.waiting_s


class Person:
    """Acts in a page. `decide()` stands where a person reads and chooses."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self._url = page, url
        self._clicks = self._keys = self._decisions = 0
        self._waiting_s = self._acted = 0.0
        page.patience_s = LONG_S
        page.command("Emulation.setDeviceMetricsOverride", **SCREEN)

    def sign_in(self, username: str, password: str) -> None:
        self.wait_for_page("document.querySelector('[name=password]')")
        self.click("[name=username]")
        self.type(username)
        self.click("[name=password]")
        self.type(password)
        self.press_enter()
        self.wait_for_page("location.pathname === '/admin/'")

    def begin(self) -> None:
        """Open the dashboard, and count from zero."""
        self.page.go(f"{self._url}/admin/")
        self.page.wait_for("!document.documentElement.hasAttribute('x-cloak')")
        self._clicks = self._keys = self._decisions = 0
        self._waiting_s = 0.0

    def effort(self) -> Effort:
        return Effort(self._clicks, self._keys, self._decisions, self._waiting_s)

    # -- Actions -----------------------------------------------------------------------------------------------
    def decide(self) -> None:
        self._decisions += 1

    def click(self, selector: str, text: str = "") -> None:
        """Click the first visible element with the text. Raises AssertionError if another one covers it."""
        find, middles = FIND % (json.dumps(selector), json.dumps(text)), list[list[float]]()

        def is_found() -> bool:
            middles[:] = filter(None, [self.page.value_of(find)])
            return bool(middles)

        wait_until(is_found, lambda: f"Nothing to click: {selector} {text!r}: {self._shown()}")
        place = {"x": middles[0][0], "y": middles[0][1], "button": "left", "clickCount": 1}
        self._clicks += 1
        self._acted = time.monotonic()
        self.page.command("Input.dispatchMouseEvent", type="mousePressed", **place)
        self.page.command("Input.dispatchMouseEvent", type="mouseReleased", **place)

    def type(self, text: str) -> None:
        for character in text:
            self._press(key=character, text=character)

    def press_enter(self) -> None:
        self._press(text="\r", **ENTER)

    def press_ctrl_k(self) -> None:
        self._press(key="k", code="KeyK", windowsVirtualKeyCode=75, modifiers=CTRL)
        self._keys += 1

    def paste(self, text: str) -> None:
        """Insert the text at once, as Ctrl-V does."""
        self._keys += 2
        self.page.command("Input.insertText", text=text)

    def choose(self, selector: str, letter: str) -> None:
        """Open a select by a click, and choose the option that begins with the letter."""
        self.click(selector)
        self.type(letter)
        self.press_enter()

    def choose_file(self, selector: str, file: Path) -> None:
        """Click the input, and double-click the file in the dialogue, which counts as one more click."""
        self.page.command("Page.setInterceptFileChooserDialog", enabled=True)
        self.click(selector)
        found = self.page.command("Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})")
        self.page.command("DOM.setFileInputFiles", files=[str(file)], objectId=found["result"]["objectId"])
        self.page.command("Page.setInterceptFileChooserDialog", enabled=False)
        self._clicks += 1

    def _press(self, **key: Any) -> None:
        self._keys += 1
        self.page.value_of("window.isLeft = true")
        self._acted = time.monotonic()
        self.page.command("Input.dispatchKeyEvent", type="keyDown", **key)
        self.page.command("Input.dispatchKeyEvent", type="keyUp", **{**key, "text": ""})

    # -- Waiting -----------------------------------------------------------------------------------------------
    def wait_for_view(self, condition: str) -> None:
        """Wait until the page that is open shows something."""
        self.wait_until(lambda: self.page.value_of(f"Boolean({condition})"), condition, READY_S)

    def wait_for_page(self, condition: str, timeout_s: float = PAGE_S) -> None:
        """Wait until another page is loaded, and shows something."""
        ready = f"!window.isLeft && document.readyState === 'complete' && Boolean({condition})"
        self.wait_until(lambda: self.page.value_of(ready), condition, timeout_s)

    def wait_until(self, holds: Callable[[], Any], what: str, timeout_s: float) -> None:
        """Wait, and count the time since the last action."""
        wait_until(holds, lambda: f"{what}: {self._shown()}", timeout_s)
        self._waiting_s += time.monotonic() - self._acted

    def _shown(self) -> str:
        text = self.page.value_of("document.querySelector('main')?.innerText.slice(0, 500)")
        return f"{self.page.errors} {self.page.value_of('location.href')} {text}"
