"""Take screenshots of every page, on a desktop and on a phone, for `docs/images`.

Run it with ``make screenshots`` or ``python -m tools.screenshots [names]``. It plays games into a temporary folder,
serves them with the real application, and opens the pages in Chromium. Images are unchanged except for fewer colours.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from rps_core.game.moves import MOVES
from rps_core.game.scoring import MAX_ROUNDS
from tests.browser.conftest import CHROMIUM_ARGUMENTS
from tests.browser.scene import Scene
from tests.browser.server import GameServer
from tests.browser.table import Table

FOLDER = Path(__file__).parents[1] / "docs" / "images"
LARGEST_BYTES = 150_000
PALETTES = (256, 128, 64, 32)
DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
# Window size by suffix of the file name.
SIZES = {"": DESKTOP, "-phone": PHONE}


class Screen(NamedTuple):
    """A screenshot: file name, function that prepares the page, and options of the browser context."""

    name: str
    arrange: Callable[[Page, str], None]
    options: dict[str, Any]


def show_lobby(page: Page, url: str) -> None:
    """Show the choice of an opponent."""
    table = Table(page, url).open()
    expect(page.locator(".opponent__rate[data-known=true]")).to_have_count(3)
    expect(page.locator("#streaks > li").first).to_be_visible()
    expect(table.lobby).to_be_visible()


def show_round(page: Page, url: str) -> None:
    """Show a round that a model played."""
    table = Table(page, url).open().start("Forrest", name="Mira")
    for number, move in enumerate(("paper", "rock", "scissors", "rock", "paper"), start=1):
        table.move(move).click()  # type: ignore[arg-type]
        table.settled(number)
    page.mouse.move(0, 0)


def show_why(page: Page, url: str) -> None:
    """Show the explanation of the bot's move."""
    show_round(page, url)
    page.get_by_role("button", name="Why this move?").click()
    expect(page.locator("#inspector .card")).to_be_attached()


def show_finish(page: Page, url: str) -> None:
    """Show the end of a game."""
    table = Table(page, url).open().start("Brian", name="Mira")
    for number in range(1, MAX_ROUNDS + 1):
        table.move(MOVES[(number * number) % 3]).click()
        if table.settled(number):
            break
    expect(page.locator("#streaks > li").first).to_be_visible()


def show_settings(page: Page, url: str) -> None:
    """Show the settings in high contrast."""
    show_round(page, url)
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("radio", name="High contrast").check()


def show_observatory(page: Page, url: str) -> None:
    """Show the observatory."""
    page.goto(f"{url}/observatory")
    expect(page.locator("body")).to_have_attribute("data-phase", "watching")
    expect(page.locator("#tallies")).not_to_contain_text("–")


SCREENS = (
    Screen("game-lobby", show_lobby, {}),
    Screen("game", show_round, {}),
    Screen("game-why", show_why, {}),
    Screen("game-finish", show_finish, {"color_scheme": "dark"}),
    Screen("game-contrast", show_settings, {}),
    Screen("observatory", show_observatory, {}),
)


def take(browser: Browser, url: str, screen: Screen, size: str) -> Path:
    """Take a screenshot and return its path."""
    context = browser.new_context(**{**SIZES[size], **screen.options})
    page = context.new_page()
    screen.arrange(page, url)
    page.evaluate("Promise.allSettled(document.getAnimations().map(animation => animation.finished))")
    path = FOLDER / f"{screen.name}{size}.png"
    page.screenshot(path=path)
    context.close()
    reduce_palette(path)
    return path


def reduce_palette(path: Path) -> None:
    """Reduce the colours of an image until it is at most `LARGEST_BYTES` large.

    Raises:
        ValueError: the image is too large even with the smallest palette.
    """
    image = Image.open(path).convert("RGB")
    for colours in PALETTES:
        image.quantize(colours, dither=Image.Dither.NONE).save(path, optimize=True)
        if path.stat().st_size <= LARGEST_BYTES:
            return
    raise ValueError(
        f"{path.name} is larger than {LARGEST_BYTES} bytes even with {PALETTES[-1]} colours; simplify the screen"
    )


def main(names: list[str]) -> None:
    """Take screenshots of the named screens, or of all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        Scene(Path(folder)).play(cycles=5, games_a_cycle=90)
        server = GameServer(Path(folder)).start()
        try:
            browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
            for screen in SCREENS:
                for size in SIZES if not names or screen.name in names else ():
                    path = take(browser, server.url, screen, size)
                    sys.stdout.write(f"{path.relative_to(FOLDER.parents[1])}: {path.stat().st_size:,} bytes\n")
        finally:
            server.kill()


if __name__ == "__main__":
    main(sys.argv[1:])
