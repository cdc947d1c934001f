"""Accessibility according to axe-core, on every screen and in every theme."""

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
# Themes differ in colours only.
COLOUR_RULES: dict[str, Any] = {"runOnly": ["color-contrast"], "resultTypes": ["violations"]}
OTHER_THEMES = ("dark", "contrast")


def findings(page: Page, rules: dict[str, Any] = ALL_RULES) -> list[str]:
    """Return the serious violations that axe-core finds, with their elements."""
    # Wait for animations: axe-core must see the final colours.
    page.evaluate("Promise.allSettled(document.getAnimations().map(animation => animation.finished))")
    found: list[dict[str, Any]] = Axe().run(page, options=rules).response["violations"]
    return [
        f"{violation['id']}: {violation['help']} at {', '.join(str(node['target']) for node in violation['nodes'])}"
        for violation in found
        if violation["impact"] in SERIOUS
    ]


def findings_in_all_themes(page: Page) -> list[str]:
    """Return the serious violations in all themes."""
    found = findings(page)
    for theme in OTHER_THEMES:
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        found += [f"{theme}: {finding}" for finding in findings(page, COLOUR_RULES)]
    page.evaluate("delete document.documentElement.dataset.theme")
    return found


def test_the_game_has_no_serious_violation_in_any_theme(table: Table) -> None:
    page = table.open().page
    assert findings_in_all_themes(page) == []
    table.start("Logan", name="Mira")
    for rounds in (1, 2, 3, 4):
        table.move("rock").click()
        table.settled(rounds)
    assert findings_in_all_themes(page) == []
    play_to_the_end(table)
    assert findings_in_all_themes(page) == []


def test_the_dialogs_and_the_developer_panel_have_no_serious_violation(table: Table) -> None:
    page = table.open("/ui-lite-debug").start().page
    table.move("rock").click()
    table.settled(1)
    assert findings(page) == []
    for opener, name in (("How to play", "How to play"), ("Settings", "Settings"), ("Why? Round 1", "Round 1 of 1")):
        page.get_by_role("button", name=opener).click()
        expect(page.get_by_role("dialog", name=name)).to_be_visible()
        assert findings(page) == []
        page.keyboard.press("Escape")


def test_a_phone_has_no_serious_violation(open_context: Callable[..., BrowserContext], server: GameServer) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
    table = Table(open_context(**phone).new_page(), server.url).open()
    assert findings(table.page) == []
    table.start()
    assert findings(table.page) == []


def test_the_tab_key_visits_the_controls_in_reading_order(table: Table) -> None:
    page = table.open().page
    visited = []
    for _ in range(9):
        page.keyboard.press("Tab")
        visited.append(
            page.evaluate("document.activeElement.innerText?.trim().split(/\\n/)[0] || document.activeElement.name")
        )
    assert visited == [
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
