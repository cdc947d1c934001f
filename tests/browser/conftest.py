"""A browser, a server, and an eye on everything the page asks for and complains about."""

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


# Of this folder only: while it lives, an event loop runs in this thread, and no other test could start its own.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium is installed; the page is tested in a real browser or not at all")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GameServer]:
    """The application with twelve models."""
    data_path = tmp_path_factory.mktemp("with_models")
    fill_cache(data_path / "model_cache")
    running = GameServer(data_path).start()
    yield running
    running.kill()


@pytest.fixture(scope="session")
def bare_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GameServer]:
    """An application without models and without a promotion; who kills it starts it again."""
    running = GameServer(tmp_path_factory.mktemp("bare")).start()
    yield running
    running.kill()


class Watch:
    """What the page did that nobody saw: complaints in the console, and addresses it asked for."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.addresses: list[str] = []
        self.expects_failures = False

    def attach(self, page: Page) -> None:
        page.on("console", lambda message: self._heard(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.addresses.append(request.url))

    def _heard(self, kind: str, text: str) -> None:
        # The browser itself notes every failed request; tests that break the network expect those.
        if kind in {"error", "warning"} and not (self.expects_failures and "Failed to load resource" in text):
            self.complaints.append(text)

    def hosts(self) -> set[str]:
        return {urlsplit(address).netloc for address in self.addresses}


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def open_context(browser: Browser, watch: Watch) -> Iterator[Callable[..., BrowserContext]]:
    contexts: list[BrowserContext] = []

    def open_one(**options: Any) -> BrowserContext:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, **options})
        context.on("page", watch.attach)
        contexts.append(context)
        return context

    yield open_one
    for context in contexts:
        context.close()
    assert watch.complaints == []


@pytest.fixture
def table(open_context: Callable[..., BrowserContext], server: GameServer) -> Table:
    """A fresh visitor on a desktop, with models behind the bots."""
    return Table(open_context().new_page(), server.url)
