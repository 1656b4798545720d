"""Looking at the console with a real Chromium, and looking it over with axe-core."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
_AXE = Path(__file__).parents[1] / "interop/node/node_modules/axe-core/axe.min.js"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
# Without its sandbox: it visits nothing but our own pages, and as root it has none.
_SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """The machine's own browser."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    assert program is not None, "Install Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_SWITCHES)
        yield browser
        browser.close()


@dataclass(kw_only=True)
class Person:
    """Somebody at a screen: one browser window of one size, with what went wrong in it."""

    page: Page
    root: str
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def at(cls, browser: Browser, root: str, **settings: Any) -> "Person":
        context: BrowserContext = browser.new_context(
            accept_downloads=True, permissions=["clipboard-read", "clipboard-write"], **settings
        )
        context.set_default_timeout(20_000)
        person = cls(page=context.new_page(), root=root)
        person.page.on("console", person._hear)
        person.page.on("pageerror", lambda error: person.complaints.append(str(error)))
        return person

    def _hear(self, message: ConsoleMessage) -> None:
        # What the content security policy blocks is said here too.
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            self.complaints.append(message.text)

    def go(self, path: str) -> Page:
        """Open a page of the console."""
        self.page.goto(self.root + path)
        return self.page

    def fill(self, **fields: str) -> None:
        """Fill in fields by their names in the form."""
        for name, text in fields.items():
            self.page.locator(f"[name={name}]").first.fill(text)

    def press(self, title: str) -> None:
        """Press the button of that title."""
        self.page.get_by_role("button", name=title, exact=True).first.click()

    def follow(self, title: str) -> None:
        """Follow the link of that title, be it drawn as a button."""
        self.page.locator("main a").filter(has_text=title).first.click()

    def reads(self, text: str) -> None:
        """Wait until the page itself shows the text, its menu aside."""
        self.page.locator("main").get_by_text(text).locator("visible=true").first.wait_for()

    def look_over(self) -> None:
        """Find nothing wrong: by axe-core, in the console, or hanging over the screen's edge."""
        self.page.evaluate(_AXE.read_text(encoding="utf-8"))
        found = self.page.evaluate("async () => (await axe.run()).violations")
        told = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]
        assert told == [], (self.page.url, told)
        assert self.complaints == [], (self.page.url, self.complaints)
        over = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert over <= 0, f"{self.page.url} is {over} px wider than the screen"
