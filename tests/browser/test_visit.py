"""What a browser remembers: the session, themes and sound."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import Watch
from tests.browser.server import GameServer
from tests.browser.table import Table

pytestmark = pytest.mark.browser

SESSION = "11111111-2222-4333-8444-555555555555"
# Noon and half a minute past midnight, Pacific time.
NOON, NEXT_DAY = "2026-11-24T20:00:00Z", "2026-11-25T08:00:30Z"


def session_of(table: Table) -> str:
    """Return the session in the browser's storage."""
    found = table.page.evaluate("localStorage.getItem('rps-lite-session')")
    assert isinstance(found, str)
    return found


def test_the_session_code_comes_from_the_server_and_is_part_of_the_default_name(
    table: Table, server: GameServer
) -> None:
    table.page.clock.set_fixed_time(NOON)
    keep = "([id, day]) => { localStorage['rps-lite-session'] = id; localStorage['rps-lite-session-day'] = day; }"
    table.open().page.evaluate(keep, [SESSION, "2026-11-24"])
    table.open()
    expect(table.page.locator("#session-code")).to_have_text("111")
    expect(table.page.get_by_label("Your name")).to_have_attribute("placeholder", "Player-111")
    table.start()
    expect(table.page.locator("#fighter-you [data-part=name]")).to_have_text("Player-111")


def test_the_page_says_what_the_bot_remembers_and_one_click_begins_a_new_session(table: Table) -> None:
    table.open().start("Forrest")
    first = session_of(table)
    expect(table.page.locator("#remembered")).to_be_hidden()
    rounds = 0
    while not (rounds and table.settled(rounds)):
        table.move("rock").click()
        rounds += 1
    table.page.get_by_role("button", name="Play again").click()
    table.ready(1)
    expect(table.page.locator("#remembered")).to_contain_text("Forrest has seen 1 of your games.")
    table.page.get_by_role("button", name="Forget me").click()
    expect(table.page.locator("#remembered")).to_contain_text("Forgotten")
    table.page.get_by_role("button", name="Leave this game").click()
    table.page.get_by_role("button", name="Leave", exact=True).click()
    table.start("Forrest")
    assert session_of(table) != first
    expect(table.page.locator("#remembered")).to_be_hidden()


def test_a_session_lasts_unless_the_player_wants_a_new_one_each_day(table: Table, server: GameServer) -> None:
    table.page.clock.set_fixed_time(NOON)
    table.open().start()
    first = session_of(table)
    table.page.clock.set_fixed_time(NEXT_DAY)
    table.page.reload()
    table.ready(1)
    table.page.get_by_role("button", name="Leave this game").click()
    table.page.get_by_role("button", name="Leave", exact=True).click()
    table.start()
    assert session_of(table) == first
    table.page.clock.set_fixed_time(NOON)
    table.page.get_by_role("button", name="Settings").click()
    table.page.get_by_role("switch", name="Remember me for more than a day").uncheck(force=True)
    table.page.keyboard.press("Escape")
    game_id = table.game_id
    table.page.clock.set_fixed_time(NEXT_DAY)
    table.page.reload()
    table.ready(1)
    assert table.game_id == game_id
    table.move("rock").click()
    table.settled(1)
    table.page.get_by_role("button", name="Leave this game").click()
    table.page.get_by_role("button", name="Leave", exact=True).click()
    table.start()
    assert session_of(table) != first
    assert table.page.evaluate("localStorage.getItem('rps-lite-session-day')") == "2026-11-25"


def test_a_visitor_can_delete_name_session_and_games(table: Table) -> None:
    table.open().start("Logan", name="Mira")
    before = session_of(table)
    table.page.get_by_role("button", name="Settings").click()
    table.page.get_by_role("button", name="Forget name, session and games").click()
    expect(table.lobby).to_be_visible()
    expect(table.page.get_by_label("Your name")).to_have_value("")
    expect(table.page.locator("#mine > li")).to_have_count(0)
    assert session_of(table) != before


@pytest.mark.parametrize(("choice", "theme"), [("Light", "light"), ("Dark", "dark"), ("High contrast", "contrast")])
def test_a_chosen_theme_applies_to_every_page_before_the_first_paint(
    open_context: Callable[..., BrowserContext], server: GameServer, watch: Watch, choice: str, theme: str
) -> None:
    watch.expects_failures = True
    opposite = "dark" if theme == "light" else "light"
    page = Table(open_context(color_scheme=opposite).new_page(), server.url).open().page
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("radio", name=choice).check()
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    # Modules are blocked from here on: only the script in the head can set the theme.
    page.route("**/*.js", lambda route: route.continue_() if "boot" in route.request.url else route.abort())
    for path in ("/", "/observatory"):
        page.goto(server.url + path, wait_until="commit")
        page.wait_for_selector("body", state="attached")
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        expect(page.locator("body")).to_have_css("background-color", ground)


def test_the_page_follows_the_system_until_a_theme_is_chosen(
    open_context: Callable[..., BrowserContext], server: GameServer
) -> None:
    grounds = []
    for options in ({"color_scheme": "light"}, {"color_scheme": "dark"}, {"contrast": "more"}):
        page = Table(open_context(**options).new_page(), server.url).open().page
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(set(grounds)) == 3


def test_sound_is_off_by_default_and_plays_each_round_when_on(table: Table) -> None:
    table.page.add_init_script(
        "window.notes = 0; const start = OscillatorNode.prototype.start;"
        "OscillatorNode.prototype.start = function (at) { window.notes += 1; return start.call(this, at); };"
    )
    page = table.open().start().page
    table.move("rock").click()
    table.settled(1)
    assert page.evaluate("window.notes") == 0
    page.get_by_role("button", name="Settings").click()
    page.get_by_role("switch", name="Sound").check(force=True)
    page.keyboard.press("Escape")
    heard = page.evaluate("window.notes")
    table.move("paper").click()
    table.settled(2)
    assert page.evaluate("window.notes") > heard
    page.reload()
    table.ready(3)
    assert page.evaluate("localStorage.getItem('rps-lite-sound')") == "on"


def test_a_browser_that_forbids_storage_can_still_play(table: Table) -> None:
    table.page.add_init_script(
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });"
    )
    table.open().start()
    table.move("rock").click()
    table.settled(1)


@pytest.mark.parametrize("malformed", ["{", '[{"id": 5}, 7, "x"]'])
def test_malformed_storage_is_ignored(table: Table, malformed: str) -> None:
    table.page.add_init_script(
        f"localStorage['rps-lite-games'] = {malformed!r}; localStorage['rps-lite-theme'] = '<b>'"
    )
    table.open().start()
    table.move("rock").click()
    table.settled(1)
