"""Drive a headless Chromium: for tests that must see a page as a person does.

``chromium()`` finds the browser or skips the test; in CI, where it is installed on purpose, its
absence is a failure. ``open_page`` gives a Playwright page with everything that went wrong on it.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

# Nothing but the page under test may talk to anybody, and containers have no user namespaces.
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str:
    """The path of the browser, from the variable CHROMIUM, else from PATH."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if found and Path(found).is_file():
        return found
    reason = (
        "needs Chromium, which was not found; install it (Debian: apt-get install chromium) "
        "or name its path in the variable CHROMIUM"
    )
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass
class Seen:
    """A page under test, and what it complained about while it was open.

    ``page`` is a ``playwright.sync_api.Page``; ``errors`` are console errors and uncaught
    exceptions; ``requests`` are the addresses that it asked for.
    """

    page: Any
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@contextmanager
def open_page(
    address: str | Path,
    *,
    width: int = 1280,
    height: int = 900,
    scheme: str = "light",
    timeout_ms: int = 30_000,
    **options: Any,
) -> Iterator[Seen]:
    """``address`` (URL, or a file's path) in a fresh browser; ``scheme`` is light or dark.

    ``options`` go to Playwright's ``new_context``, for instance ``is_mobile=True``. Skips, or in
    CI fails, when there is no Chromium or no Playwright.
    """
    executable = chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        if os.environ.get("CI"):
            raise
        pytest.skip("needs the Python package playwright, a development dependency")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=[*_ARGUMENTS])
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, **options
        )
        context.set_default_timeout(timeout_ms)
        seen = Seen(context.new_page())
        seen.page.on("console", lambda m: seen.errors.append(m.text) if m.type == "error" else None)
        seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
        seen.page.on("request", lambda request: seen.requests.append(request.url))
        try:
            seen.page.goto(address.as_uri() if isinstance(address, Path) else address)
            yield seen
        finally:
            context.close()
            browser.close()
