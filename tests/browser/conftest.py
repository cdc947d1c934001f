"""Fixtures: a browser, servers, and a watch on the requests and errors of the page."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.models import fill_cache
from tests.browser.server import GameServer
from tests.browser.table import Table

CHROMIUM_ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


# Package scope: Playwright runs an event loop in this thread, so other tests could not start their own.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("Chromium is not installed; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GameServer]:
    """Return a server with twelve models."""
    data_path = tmp_path_factory.mktemp("with_models")
    fill_cache(data_path / "model_cache")
    running = GameServer(data_path).start()
    yield running
    running.kill()


@pytest.fixture(scope="session")
def bare_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GameServer]:
    """Return a server without models. A test that kills it must start it again."""
    running = GameServer(tmp_path_factory.mktemp("bare")).start()
    yield running
    running.kill()


class Watch:
    """Records console errors, uncaught exceptions and requests of a page."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.addresses: list[str] = []
        self.expects_failures = False

    def attach(self, page: Page) -> None:
        page.on("console", lambda message: self._record(message.type, message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.addresses.append(request.url))

    def _record(self, kind: str, text: str) -> None:
        # The browser logs every failed request. Tests that break the network expect these messages.
        if kind in {"error", "warning"} and not (self.expects_failures and "Failed to load resource" in text):
            self.errors.append(text)

    def hosts(self) -> set[str]:
        return {urlsplit(address).netloc for address in self.addresses}


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def open_context(browser: Browser, watch: Watch) -> Iterator[Callable[..., BrowserContext]]:
    contexts: list[BrowserContext] = []

    def new_context(**options: Any) -> BrowserContext:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, **options})
        context.on("page", watch.attach)
        contexts.append(context)
        return context

    yield new_context
    for context in contexts:
        context.close()
    assert watch.errors == []


@pytest.fixture
def table(open_context: Callable[..., BrowserContext], server: GameServer) -> Table:
    """Return the page of a new visitor on a desktop, with models."""
    return Table(open_context().new_page(), server.url)
