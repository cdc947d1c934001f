"""A whole game, by mouse, by keyboard, and after a reload."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from rps_core.game.moves import MOVES
from rps_core.game.scoring import MAX_ROUNDS
from tests.browser.conftest import Watch
from tests.browser.models import TRAINING_GAMES
from tests.browser.server import GameServer
from tests.browser.table import Table

pytestmark = pytest.mark.browser


def play_to_the_end(table: Table) -> int:
    """Play with the mouse until the game ends and return the number of rounds."""
    for rounds in range(table.rounds.count() + 1, MAX_ROUNDS + 1):
        table.move(MOVES[rounds % 3]).click()
        if table.settled(rounds):
            return rounds
    raise AssertionError("no game lasts longer")


def test_two_games_in_a_row_can_be_played_with_the_mouse(table: Table, server: GameServer, watch: Watch) -> None:
    table.open().start("Forrest", name="Mira")
    first_game = table.game_id
    rounds = play_to_the_end(table)

    stored = server.get(f"/games/{first_game}")
    assert stored["status"] == "finished"
    assert stored["player_name"] == "Mira"
    assert stored["policy"] == "forrest"
    assert len(stored["rounds"]) == rounds
    expect(table.page.locator("#finish-score")).to_have_text(
        f"{stored['user_score']:.1f} to {stored['bot_score']:.1f} after {rounds} rounds"
    )
    title = {"user": "You beat Forrest", "bot": "Forrest beat you", "tie": "You and Forrest tie"}[stored["winner"]]
    expect(table.page.get_by_role("heading", name=title)).to_be_visible()
    table.finish.click()
    table.ready(1)
    assert table.game_id != first_game
    assert watch.hosts() == {f"127.0.0.1:{server.port}"}


def test_a_whole_game_can_be_played_with_the_keyboard_alone(table: Table, server: GameServer) -> None:
    keys = table.open().page.keyboard
    table.opponent("Brian").focus()
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    keys.press("Enter")
    table.ready(1)
    assert server.get(f"/games/{table.game_id}")["policy"] == "logan"
    expect(table.move("rock")).to_be_focused()
    keys.press("ArrowRight")
    expect(table.move("paper")).to_be_focused()
    keys.press("Enter")
    assert not table.settled(1)

    pressed = ["paper"]
    for key, move in zip("rpsRPS123" * 3, ("rock", "paper", "scissors") * 9, strict=True):
        keys.press(key)
        pressed.append(move)
        if table.settled(len(pressed)):
            break
    assert [played["user_move"] for played in server.rounds_of(table.game_id)] == pressed
    expect(table.finish).to_be_focused()


def test_the_prices_are_shown_before_the_choice_and_the_best_is_marked(table: Table, server: GameServer) -> None:
    table.open().start()
    values = server.get(f"/round_points?game_id={table.game_id}")["round_points"]
    for move in MOVES:
        expect(table.move(move).locator(".move__value")).to_have_text(f"{values[move]:.1f}")
    best = max(MOVES, key=values.__getitem__)
    expect(table.moves.locator("[data-rank=best]")).to_have_attribute("data-move", best)
    expect(table.move(best)).to_contain_text("pays most")


def test_a_round_shows_both_moves_and_gains(table: Table, server: GameServer) -> None:
    table.open().start()
    table.move("paper").click()
    table.settled(1)
    (played,) = server.get(f"/recent?game_id={table.game_id}")
    headline = {"win": "Round won", "lose": "Round lost", "draw": "Draw"}[played["result"]]
    expect(table.page.locator("#stage-headline")).to_have_text(headline)
    gained = max(played["user_delta"], played["bot_delta"])
    expect(table.page.locator("#stage-why")).to_contain_text(f"{gained:.1f}")
    expect(table.page.locator("#fighter-you [data-part=points]")).to_have_text(f"{played['user_score']:.1f}")
    chances = played["win_probability"]
    odds = table.page.get_by_role("meter", name="chance to win")
    expect(odds).to_have_attribute("aria-valuenow", str(round(100 * chances["after"])))
    expect(odds).to_have_attribute("aria-valuetext", re.compile(r"you \d+.%, Brian \d+.%"))
    expect(table.page.locator("#odds [data-part=moved]")).to_have_text(re.compile(r"[+−±]\d+.%"))
    expect(table.page.get_by_role("status")).to_contain_text(f"You played paper, Brian played {played['bot_move']}.")


def test_the_prediction_comes_from_the_model_and_marks_the_played_move(table: Table, server: GameServer) -> None:
    table.open().start("Logan")
    for rounds in (1, 2, 3):
        table.move("rock").click()
        table.settled(rounds)
        expect(table.prediction).to_contain_text("opening gambit")
    table.move("scissors").click()
    table.settled(4)
    debug = server.get(f"/recent?game_id={table.game_id}")[-1]["debug"]
    for move in MOVES:
        row = table.prediction.locator(f"#prediction > li[data-move={move}]")
        expect(row.locator("[data-part=share]")).to_have_text(
            f"{debug['probabilities'][move]:.0%}".replace("%", "\u202f%")
        )
        expect(row).to_have_attribute("data-played", "true" if move == "scissors" else "false")
    version = debug["model_info"]["model_version"]
    expect(table.prediction).to_contain_text(f"model version {version}")
    expect(table.prediction).to_contain_text(f"trained on {TRAINING_GAMES} games")
    expect(table.page.get_by_text("12 of 12 models serving")).to_be_visible()


def test_a_reload_continues_the_running_game_and_shows_its_prediction(table: Table, server: GameServer) -> None:
    table.open().start("Forrest", name="Mira")
    for rounds in (1, 2, 3, 4):
        table.move("rock").click()
        assert not table.settled(rounds)
    game_id, lead = table.game_id, table.page.locator("#prediction-lead").inner_text()
    table.page.reload()
    table.ready(5)
    assert table.game_id == game_id
    expect(table.rounds).to_have_count(4)
    expect(table.page.locator("#fighter-you [data-part=name]")).to_have_text("Mira")
    expect(table.page.locator("#prediction-lead")).to_have_text(lead)
    table.move("paper").click()
    table.settled(5)
    assert len(server.rounds_of(game_id)) == 5


def test_a_reload_after_the_last_round_shows_the_result_again(table: Table) -> None:
    table.open().start()
    play_to_the_end(table)
    score = table.page.locator("#finish-score").inner_text()
    table.page.reload()
    expect(table.page.locator("#finish-score")).to_have_text(score)


def test_leaving_a_game_leads_back_to_the_opponents_and_keeps_the_session(table: Table) -> None:
    table.open().start()
    session = table.page.evaluate("localStorage.getItem('rps-lite-session')")
    leave = table.page.get_by_role("button", name="Leave this game")
    leave.click()
    table.page.get_by_role("button", name="Keep playing").click()
    table.ready(1)
    leave.click()
    table.page.get_by_role("button", name="Leave", exact=True).click()
    expect(table.lobby).to_be_visible()
    table.page.reload()
    expect(table.lobby).to_be_visible()
    assert table.page.evaluate("localStorage.getItem('rps-lite-session')") == session


def test_a_name_with_markup_is_shown_as_text(table: Table) -> None:
    name = "<b onclick=x()>&amp;</b>"
    table.open().start(name=name)
    expect(table.page.locator("#fighter-you [data-part=name]")).to_have_text(name)
    assert table.page.locator("#fighter-you b").count() == 0


def test_the_page_says_that_no_model_plays(
    open_context: Callable[..., BrowserContext], bare_server: GameServer
) -> None:
    table = Table(open_context().new_page(), bare_server.url).open()
    expect(table.page.get_by_text("No models yet. The bots guess.")).to_be_visible()
    table.start()
    for rounds in (1, 2, 3, 4):
        table.move("rock").click()
        table.settled(rounds)
    expect(table.prediction).to_contain_text("equally likely")
    expect(table.prediction).to_contain_text("There is no model yet")


def test_the_debug_page_shows_requests_and_replies(table: Table) -> None:
    table.open("/ui-lite-debug").start()
    table.move("rock").click()
    table.settled(1)
    call = table.page.locator("#calls > li", has_text="/play")
    expect(call).to_have_count(1)
    expect(call.get_by_label("Request")).to_contain_text('"user_move": "rock"')
    expect(call.get_by_label("Reply")).to_contain_text('"move_values"')
