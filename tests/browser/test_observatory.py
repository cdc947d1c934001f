"""The observatory in a browser, over an hour of simulated play."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Watch
from tests.browser.models import TRAINING_GAMES
from tests.browser.scene import Scene
from tests.browser.server import GameServer
from tests.browser.test_access import findings, findings_in_all_themes
from tests.browser.test_boxes import overruns_at_every_width
from tests.browser.test_looks import SMALL

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GameServer]:
    """Return a server whose store holds games, promotion cycles and twelve models."""
    data_path = tmp_path_factory.mktemp("watched")
    Scene(data_path).play(cycles=2, games_a_cycle=12)
    running = GameServer(data_path).start()
    yield running
    running.kill()


def look(page: Page, server: GameServer) -> Page:
    """Open the observatory and wait until it has data."""
    page.goto(f"{server.url}/observatory")
    expect(page.locator("body")).to_have_attribute("data-phase", "watching")
    expect(page.locator("#tallies")).not_to_contain_text("–")
    return page


def test_the_observatory_shows_the_state_of_the_server(
    open_context: Callable[..., BrowserContext], watched: GameServer, watch: Watch
) -> None:
    page = look(open_context().new_page(), watched)
    state = watched.get("/observatory/state")
    expect(page.locator("#tallies")).to_contain_text(f"{state['activity']['rounds']:,}")
    expect(page.locator("#accuracy-plot .accuracy__dot")).to_have_count(12)
    expect(page.locator("#rounds-plot rect")).to_have_count(60)
    expect(page.get_by_role("meter", name="Progress of the test of")).to_have_count(3)
    expect(page.locator("#slots > tr")).to_have_count(12)
    expect(page.locator("#slots > tr").first).to_contain_text(f"{TRAINING_GAMES} games")
    expect(page.locator("#slots > tr").nth(1)).to_contain_text(re.compile("may move after|right in at least"))
    threshold = state["families"][0]["progress"]["threshold"]
    expect(page.locator("#duels-note")).to_contain_text(f"at most 1 of {threshold:g} comparisons")
    expect(page.locator("#ledger-plot :is(circle, rect, path)")).to_have_count(len(state["ledger"]))
    expect(page.locator("#stop-serving")).to_contain_text("12 of 12")
    link = page.locator("#loop").get_by_role("link", name="Model cache")
    expect(link).to_have_attribute("href", "http://127.0.0.1:3000/assets/serving/model_cache")
    assert watch.hosts() == {f"127.0.0.1:{watched.port}"}


def test_a_round_played_elsewhere_appears_without_a_reload(
    open_context: Callable[..., BrowserContext], watched: GameServer
) -> None:
    page = look(open_context().new_page(), watched)
    before = watched.get("/observatory/state")["activity"]["rounds"]
    game_id = watched.post("/start_game", {"policy": "brian"})["game_id"]
    watched.post("/play", {"game_id": game_id, "user_move": "rock", "round": 1})
    expect(page.locator("#tallies")).to_contain_text(f"{before + 1:,}", timeout=20_000)


def test_the_last_data_stays_while_the_server_does_not_answer(
    open_context: Callable[..., BrowserContext], watched: GameServer, watch: Watch
) -> None:
    watch.expects_failures = True
    page = look(open_context().new_page(), watched)
    page.route("**/observatory/state", lambda route: route.abort())
    expect(page.locator("#freshness")).to_contain_text("no connection", timeout=20_000)
    expect(page.locator("#stop-serving")).to_contain_text("12 of 12")
    page.unroute("**/observatory/state")
    expect(page.locator("#freshness-text")).to_have_text("live", timeout=30_000)


def test_a_malformed_reply_is_reported(open_context: Callable[..., BrowserContext], watched: GameServer) -> None:
    page = open_context().new_page()
    page.route("**/observatory/state", lambda route: route.fulfill(json={"slots": []}))
    page.goto(f"{watched.url}/observatory")
    expect(page.locator("#freshness")).to_contain_text('no list "families"')


def test_the_observatory_works_before_the_first_training(
    open_context: Callable[..., BrowserContext], bare_server: GameServer
) -> None:
    page = look(open_context().new_page(), bare_server)
    expect(page.get_by_text("No promotion cycle has run yet.")).to_be_visible()
    expect(page.locator("#stop-cache")).to_contain_text("no index")
    expect(page.locator("#stop-serving")).to_have_attribute("data-state", "warning")
    assert overruns_at_every_width(page) == []


def test_the_observatory_has_no_serious_violation_and_fits_a_phone(
    open_context: Callable[..., BrowserContext], watched: GameServer
) -> None:
    page = look(open_context().new_page(), watched)
    assert findings_in_all_themes(page) == []
    assert overruns_at_every_width(page) == []
    assert findings(look(open_context(**SMALL).new_page(), watched)) == []
