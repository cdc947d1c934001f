"""Explanations, habits, the review of a game, and the rankings."""

import re

import pytest
from playwright.sync_api import expect

from rps_core.game.moves import MOVES
from tests.browser.models import TRAINING_GAMES
from tests.browser.server import GameServer
from tests.browser.table import Table
from tests.browser.test_play import play_to_the_end

pytestmark = pytest.mark.browser

# Calls a function of one of the page's modules.
CALL = """async ([module, name, values]) => {
  const link = document.querySelector(`link[rel=modulepreload][href*="/js/${module}"]`);
  return (await import(link.href))[name](...values);
}"""


def play_rounds(table: Table, *moves: str) -> None:
    """Play `moves`."""
    for move in moves:
        before = table.rounds.count()
        table.move(move).click()  # type: ignore[arg-type]
        table.settled(before + 1)


def test_a_round_is_explained_down_to_the_training_data_of_its_model(table: Table, server: GameServer) -> None:
    table.open().start("Logan", name="Mira")
    play_rounds(table, "rock", "rock", "rock", "paper")
    explained = server.get(f"/games/{table.game_id}/rounds/4/explanation")
    table.page.get_by_role("button", name="Why this move?").click()
    dialog = table.page.get_by_role("dialog", name="Round 4 of 4")
    expect(dialog).to_contain_text(explained["summary"])
    decision, slots = dialog.get_by_role("table").all()
    for move in MOVES:
        row = decision.get_by_role("row", name=move.capitalize())
        expect(row).to_contain_text(f"{explained['probabilities'][move]:.0%}".replace("%", "\u202f%"))
        expect(row).to_contain_text(f"{abs(explained['expected_values'][move]):.2f}")
    for alias, prediction in explained["alias_predictions"].items():
        expect(slots.get_by_role("row", name=re.compile(f"^{alias} "))).to_contain_text(prediction["predicted_move"])
    expect(dialog).to_contain_text(f"version {explained['model']['version']} ({explained['model']['alias']})")
    expect(dialog).to_contain_text(f"{TRAINING_GAMES} games")
    expect(dialog).to_contain_text("exactly the stored probabilities")
    dataset = dialog.get_by_role("link", name="Training data in Dagster")
    expect(dataset).to_have_attribute("href", explained["links"]["dataset_asset"])


def test_buttons_and_keys_move_between_rounds_but_not_past_the_last(table: Table) -> None:
    table.open().start()
    play_rounds(table, "rock", "paper", "scissors")
    page = table.page
    page.get_by_role("button", name="Why? Round 1").click()
    title = page.locator("#inspector-title")
    expect(page.locator("#inspector")).to_contain_text("perfect play")
    expect(page.locator("#inspector")).to_contain_text("A perfect player would have drawn from rock")
    page.get_by_role("button", name="Back").click(force=True)
    expect(title).to_have_text("Round 1 of 3")
    page.get_by_role("button", name="Next").click()
    expect(title).to_have_text("Round 2 of 3")
    for expected in ("Round 3 of 3", "Round 3 of 3"):
        page.keyboard.press("ArrowRight")
        expect(title).to_have_text(expected)
    page.keyboard.press("r")
    page.keyboard.press("Escape")
    expect(page.locator("#inspector")).to_be_hidden()
    expect(table.rounds).to_have_count(3)


def test_the_page_learns_only_the_prices_of_the_next_round(table: Table, server: GameServer) -> None:
    table.open("/ui-lite-debug").start("Logan")
    play_rounds(table, "rock", "rock", "rock", "rock")
    expect(table.page.get_by_role("button", name="Why? Round")).to_have_count(4)
    expect(table.page.locator("#decision")).to_contain_text("round4")
    for call in table.page.locator("#calls .call__path").all_inner_texts():
        assert "predict" not in call
        assert "/rounds/5" not in call


def test_habits_are_counted_and_described(table: Table) -> None:
    table.open().start()
    play_rounds(table, "rock", "rock", "paper")
    for move, count in (("rock", "2"), ("paper", "1"), ("scissors", "0")):
        expect(table.page.locator(f"#habits > li[data-move={move}] [data-part=count]")).to_have_text(count)
    expect(table.page.locator("#habit-list")).to_contain_text("You repeated your move 1 of 2 times.")


def test_a_finished_game_has_a_review_and_a_replay(table: Table, server: GameServer) -> None:
    table.open().start("Brian", name="<i>Zoë</i> 🦊")
    play_to_the_end(table)
    page, game_id = table.page, table.game_id
    rounds = server.get(f"/recent?game_id={game_id}&limit=100")
    predicted = [played for played in rounds if played["debug"]["alias_predictions"]]
    hits = sum(
        max(MOVES, key=played["debug"]["probabilities"].__getitem__) == played["user_move"] for played in predicted
    )
    expect(page.locator("#review-lead")).to_contain_text(f"expected your move in {hits} of {len(predicted)} rounds")
    expect(page.locator("#review-plot .review__bar")).to_have_count(len(predicted))
    # The verdict follows the number and its uncertainty: 9 and 0 of 9 are not luck, 4 of 9 may be.
    read, lucky, misled = (page.evaluate(CALL, ["tendencies", "verdictWords", [hits, 9]]) for hits in (9, 4, 0))
    assert read == "Guesses get that many in fewer than 0.1\u202f% of games: it read you."
    assert lucky == "Guesses get as many or more in 35\u202f% of games, so this may be luck."
    assert misled == "Guesses get so few in 2.6\u202f% of games: you misled it."
    assert "may be luck" in page.evaluate(CALL, ["story", "readWords", [0.3, 0.2, "Brian"]])
    assert "luck" not in page.evaluate(CALL, ["story", "readWords", [0.3, 0.1, "Brian"]])
    won = server.get(f"/games/{game_id}")["winner"] == "user"
    expect(page.locator("#finish-key")).to_contain_text("All prices were fixed before your first move")
    chances = [reply["win_probability"] for reply in rounds]
    skill = sum(round_["chosen"] - round_["shown"] for round_ in chances)
    luck = chances[-1]["after"] - 0.5 - skill
    for name, value in (("skill", skill), ("luck", luck)):
        fact = page.locator("#finish-facts .fact").filter(has=page.locator("dt", has_text=re.compile(f"^{name}$")))
        expect(fact).to_contain_text(f"{abs(100 * value):.0f}")
    expect(page.locator("#finish-story")).to_contain_text("The turning point was round")
    # Each move was the one that beats the move before.
    assert "you played the move that beats your last one" in rounds[-1]["habit"]
    expect(page.locator("#finish-story")).to_contain_text(rounds[-1]["habit"])
    expect(page.locator("#curve")).to_have_attribute("aria-label", re.compile("round 1 "))
    with page.expect_download() as picture:
        page.get_by_role("button", name="Save as a picture").click()
    assert picture.value.path().read_bytes().startswith(b"\x89PNG")
    expect(page.locator("#finish-streak")).to_contain_text("1 win" if won else "No wins against Brian")

    page.get_by_role("button", name="Choose another opponent").click()
    page.get_by_role("button", name="Replay the game against Brian").click()
    dialog = page.get_by_role("dialog", name=f"Round 1 of {len(rounds)}")
    expect(dialog).to_contain_text("<i>Zoë</i> 🦊 against Brian")
    expect(dialog.locator("i")).to_have_count(0)


def test_streaks_and_leaders_come_from_the_server_with_names_as_text(table: Table, server: GameServer) -> None:
    name = "<b>Ada & 🐙</b>"
    streak = {"username": name, "streak": 3, "current_streak": 3, "last_win_date": None, "total_games": 4}
    standing = {"player_name": name, "total_games": 7, "wins": 5, "losses": 2, "ties": 0, "win_rate": 71.43, "rank": 1}
    requested = []

    def answer_streaks(route) -> None:  # type: ignore[no-untyped-def]
        requested.append(route.request.url.partition("opponent=")[2].partition("&")[0])
        route.fulfill(json={"players": [streak]})

    table.page.route("**/win_streaks*", answer_streaks)
    table.page.route("**/leaderboard*", lambda route: route.fulfill(json={"leaderboard": [standing]}))
    page = table.open().page
    expect(page.locator("#streaks .row__name")).to_have_text(name)
    expect(page.locator("#streaks")).to_contain_text("3 wins")
    expect(page.locator("#leaders")).to_contain_text("71.4\u202f%")
    expect(page.locator("#standings b")).to_have_count(0)
    page.get_by_role("group", name="Streaks against").get_by_role("radio", name="Logan").check(force=True)
    expect(page.locator("#streaks .row__name")).to_have_text(name)
    expect(page.locator("#streaks-empty")).to_be_hidden()
    assert requested == ["brian", "logan"]


def test_an_opponent_shows_the_win_rate_of_people(table: Table) -> None:
    rates = {
        "brian": {"human_win_rate": 38.46, "human_games": 1300},
        "forrest": {"human_win_rate": None, "human_games": 0},
    }
    table.page.route("**/bot_win_rates*", lambda route: route.fulfill(json={"bot_rates": rates}))
    cards = table.open().page.locator(".opponent__rate")
    expect(cards).to_have_text(["People win 38.5\u202f% of 1,300 games", "No finished games yet.", "Win rate unknown."])
