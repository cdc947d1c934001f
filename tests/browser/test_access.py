"""Accessibility as axe-core judges it, on every screen and in every theme."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.server import GameServer
from tests.browser.table import Table
from tests.browser.test_play import play_to_the_end

pytestmark = pytest.mark.browser

SERIOUS = {"serious", "critical"}
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
ALL_RULES: dict[str, Any] = {"runOnly": WCAG, "resultTypes": ["violations"]}
# A theme changes colours and nothing else.
COLOUR_RULES: dict[str, Any] = {"runOnly": ["color-contrast"], "resultTypes": ["violations"]}
OTHER_THEMES = ("dark", "contrast")


def findings(page: Page, rules: dict[str, Any] = ALL_RULES) -> list[str]:
    """Return what axe-core holds against the page, with the elements it means."""
    # Colours are judged where they come to rest.
    page.evaluate("Promise.allSettled(document.getAnimations().map(one => one.finished))")
    found: list[dict[str, Any]] = Axe().run(page, options=rules).response["violations"]
    return [
        f"{one['id']}: {one['help']} at {', '.join(str(node['target']) for node in one['nodes'])}"
        for one in found
        if one["impact"] in SERIOUS
    ]


def findings_in_all_themes(page: Page) -> list[str]:
    """Return what axe-core holds against the page in any theme."""
    found = findings(page)
    for theme in OTHER_THEMES:
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        found += [f"{theme}: {finding}" for finding in findings(page, COLOUR_RULES)]
    page.evaluate("delete document.documentElement.dataset.theme")
    return found


def test_no_screen_of_the_game_has_a_serious_finding_in_any_theme(table: Table) -> None:
    page = table.open().page
    assert findings_in_all_themes(page) == []
    table.start("Logan", name="Mira")
    for rounds in (1, 2, 3, 4):
        table.move("rock").click()
        table.settled(rounds)
    assert findings_in_all_themes(page) == []
    play_to_the_end(table)
    assert findings_in_all_themes(page) == []


def test_no_dialog_has_a_serious_finding_and_neither_has_the_developer_panel(table: Table) -> None:
    page = table.open("/ui-lite-debug").start().page
    table.move("rock").click()
    table.settled(1)
    assert findings(page) == []
    for opener, name in (("How to play", "How to play"), ("Settings", "Settings"), ("Why? Round 1", "Round 1 of 1")):
        page.get_by_role("button", name=opener).click()
        expect(page.get_by_role("dialog", name=name)).to_be_visible()
        assert findings(page) == []
        page.keyboard.press("Escape")


def test_a_phone_has_no_serious_finding_either(open_context: Callable[..., BrowserContext], server: GameServer) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
    table = Table(open_context(**phone).new_page(), server.url).open()
    assert findings(table.page) == []
    table.start()
    assert findings(table.page) == []


def test_the_tab_key_meets_everything_in_the_order_in_which_it_is_read(table: Table) -> None:
    page = table.open().page
    met = []
    for _ in range(9):
        page.keyboard.press("Tab")
        met.append(
            page.evaluate("document.activeElement.innerText?.trim().split(/\\n/)[0] || document.activeElement.name")
        )
    assert met == [
        "Skip to the game",
        "How to play",
        "Observatory",
        "Settings",
        "policy",
        "player_name",
        "Start the game",
        "streaks",
        "Dagster",
    ]
