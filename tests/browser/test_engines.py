"""What older browsers, translated pages and other colours need, tried in Chromium.

`make test-browsers` plays in other engines.
"""

import time
from collections.abc import Callable

from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import Watch
from tests.browser.server import GameServer
from tests.browser.table import Table

OLDER_BROWSER = """
delete AbortSignal.timeout;
delete AbortSignal.any;
"""


def test_a_browser_without_the_newest_functions_plays_and_keeps_every_colour(
    open_context: Callable[..., BrowserContext], server: GameServer
) -> None:
    context = open_context()
    context.add_init_script(OLDER_BROWSER)
    table = Table(context.new_page(), server.url).open().start()
    table.move("rock").click()
    table.settled(1)
    sheets = table.page.evaluate(
        "Promise.all([...document.styleSheets].map(async (sheet) => (await fetch(sheet.href)).text()))"
    )
    css = "\n".join(sheets)
    assert [name for name in ("light-dark(", "color-mix(", ":has(") if f": {name}" in css or f"{name}:" in css] == []
    shown = table.page.evaluate("getComputedStyle(document.querySelector('.odds__line')).backgroundImage")
    assert "rgb(168, 67, 10)" in shown
    assert "rgb(192, 120, 79)" in shown


def test_a_browser_that_is_too_old_is_told_so(
    open_context: Callable[..., BrowserContext], server: GameServer, watch: Watch
) -> None:
    context = open_context()
    context.add_init_script("delete window.HTMLDialogElement;")
    page = context.new_page()
    page.goto(server.url)
    expect(page.get_by_role("alert").filter(has_text="This browser is too old")).to_contain_text("Safari 15.4")
    watch.errors.clear()


def test_an_arrow_after_a_mouse_click_shows_which_move_is_selected(table: Table) -> None:
    table.open().start()
    table.move("rock").click()
    table.settled(1)
    table.page.keyboard.press("ArrowRight")
    outline = "getComputedStyle(document.activeElement).outline"
    assert table.page.evaluate("document.activeElement.dataset.move")
    assert "3px" in table.page.evaluate(outline)
    assert table.page.locator("#moves").get_attribute("data-keys") == "used"


def test_a_translated_page_is_not_written_again(
    open_context: Callable[..., BrowserContext], server: GameServer
) -> None:
    page = open_context().new_page()
    page.goto(f"{server.url}/observatory")
    expect(page.locator("body")).to_have_attribute("data-phase", "watching")
    page.evaluate(
        """() => {
          const note = document.getElementById("duels-note");
          note.innerHTML = "<font>translated</font>";
          document.body.style.paddingBottom = "900px";
        }"""
    )
    page.wait_for_timeout(300)
    expect(page.locator("#duels-note")).to_have_text("translated")


def test_with_forced_colours_the_sound_switch_shows_its_state(
    open_context: Callable[..., BrowserContext], server: GameServer
) -> None:
    page = open_context(forced_colors="active").new_page()
    Table(page, server.url).open()
    page.get_by_role("button", name="Settings").click()
    track = page.locator("#sound + .switch__track")
    style = "e => getComputedStyle(e).borderStyle"
    assert track.evaluate(style) == "solid"
    page.get_by_role("switch", name="Sound").check(force=True)
    assert track.evaluate(style) == "double"


def test_the_cards_count_a_game_that_ended_meanwhile_without_a_reload(table: Table, server: GameServer) -> None:
    table.open()
    games = table.page.locator(".opponent__rate[data-policy=logan] [data-part=games]")
    table.start()
    before, counted = games.text_content() or "", server.get("/bot_win_rates")["bot_rates"]["logan"]
    game = server.post("/start_game", {"player_name": "Somebody", "policy": "logan"})
    while not server.post("/play", {"game_id": game["game_id"], "user_move": "paper"})["finished"]:
        pass
    # The rates follow the totals of the store, which the server reads every few seconds.
    while server.get("/bot_win_rates")["bot_rates"]["logan"] == counted:
        time.sleep(0.2)
    table.page.get_by_role("button", name="Leave this game").click()
    table.page.get_by_role("button", name="Leave", exact=True).click()
    expect(games).not_to_have_text(before)
