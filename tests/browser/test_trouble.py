"""Failures between a click and its round. No round is ever played twice."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from tests.browser.conftest import Watch
from tests.browser.server import GameServer
from tests.browser.table import Table

pytestmark = pytest.mark.browser


def test_a_double_click_plays_one_round(table: Table, server: GameServer) -> None:
    table.open().start()
    # As slow as a hand: the first click has played its round before the second click.
    table.move("rock").dblclick(delay=60)
    table.settled(1)
    table.page.keyboard.press("p")
    table.settled(2)
    assert [played["user_move"] for played in server.rounds_of(table.game_id)] == ["rock", "paper"]


def test_no_other_move_can_be_chosen_while_a_round_is_running(table: Table, server: GameServer) -> None:
    table.open().start()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    table.page.route("**/play", hold)
    table.move("rock").click()
    expect(table.move("paper")).to_have_attribute("aria-disabled", "true")
    table.page.keyboard.press("s")
    table.move("paper").click(force=True)
    expect(table.move("rock")).to_have_attribute("data-chosen", "true")
    assert len(held) == 1
    held[0].continue_()
    table.settled(1)
    assert [played["user_move"] for played in server.rounds_of(table.game_id)] == ["rock"]


def test_a_round_whose_reply_was_lost_is_sent_again_and_played_once(
    table: Table, server: GameServer, watch: Watch
) -> None:
    watch.expects_failures = True
    table.open().start()

    def lose_the_reply(route: Route) -> None:
        route.fetch()
        route.abort()

    table.page.route("**/play", lose_the_reply, times=1)
    table.move("scissors").click()
    expect(table.problem).to_contain_text("The server does not answer")
    assert len(server.rounds_of(table.game_id)) == 1
    table.page.get_by_role("button", name="Try again").click()
    table.settled(1)
    expect(table.problem).to_be_hidden()
    assert [played["user_move"] for played in server.rounds_of(table.game_id)] == ["scissors"]


def test_the_board_is_locked_while_the_values_are_missing(table: Table, server: GameServer, watch: Watch) -> None:
    watch.expects_failures = True
    table.open().start()

    def remove_the_values(route: Route) -> None:
        reply = route.fetch()
        route.fulfill(response=reply, json={**reply.json(), "next_round_points": None})

    table.page.route("**/play", remove_the_values, times=1)
    table.page.route("**/round_points*", lambda route: route.fulfill(status=500, body="{}"), times=1)
    table.move("rock").click()
    expect(table.problem).to_contain_text("Server error")
    expect(table.rounds).to_have_count(1)
    table.page.keyboard.press("p")
    assert len(server.rounds_of(table.game_id)) == 1
    table.page.get_by_role("button", name="Try again").click()
    table.ready(2)
    assert len(server.rounds_of(table.game_id)) == 1


def test_a_round_takes_one_request(table: Table, watch: Watch) -> None:
    table.open().start()
    before = len(watch.addresses)
    table.move("rock").click()
    table.settled(1)
    assert [address.rsplit("/", 1)[1] for address in watch.addresses[before:]] == ["play"]


def test_a_round_played_elsewhere_is_shown_and_not_played_again(table: Table, server: GameServer, watch: Watch) -> None:
    watch.expects_failures = True
    table.open().start()
    server.post("/play", {"game_id": table.game_id, "user_move": "paper", "round": 1})
    table.move("rock").click()
    table.ready(2)
    expect(table.rounds).to_have_count(1)
    assert [played["user_move"] for played in server.rounds_of(table.game_id)] == ["paper"]


def test_two_tabs_on_one_game_show_the_same_rounds(
    open_context: Callable[..., BrowserContext], server: GameServer
) -> None:
    context = open_context()
    first = Table(context.new_page(), server.url).open().start("Forrest")
    second = Table(context.new_page(), server.url).open()
    second.ready(1)
    assert second.game_id == first.game_id
    second.move("paper").click()
    second.settled(1)
    first.ready(2)
    expect(first.rounds).to_have_count(1)
    first.move("scissors").click()
    first.settled(2)
    second.ready(3)
    assert [played["user_move"] for played in server.rounds_of(first.game_id)] == ["paper", "scissors"]


def test_the_page_reports_a_killed_server_and_continues_after_its_restart(
    open_context: Callable[..., BrowserContext], bare_server: GameServer, watch: Watch
) -> None:
    watch.expects_failures = True
    table = Table(open_context().new_page(), bare_server.url).open().start("Logan")
    table.move("rock").click()
    table.settled(1)
    bare_server.kill()
    table.move("paper").click()
    expect(table.problem).to_contain_text("Your game is saved")
    expect(table.page.locator("#stage-headline")).to_have_text("On hold")
    table.page.get_by_role("button", name="Try again").click()
    expect(table.problem).to_contain_text("The server does not answer")
    bare_server.start()
    # The page sends the move again without a click.
    expect(table.rounds).to_have_count(2, timeout=40_000)
    table.settled(2)
    assert [played["user_move"] for played in bare_server.rounds_of(table.game_id)] == ["rock", "paper"]


def test_an_offline_browser_continues_by_itself_when_it_is_online_again(
    open_context: Callable[..., BrowserContext], server: GameServer, watch: Watch
) -> None:
    watch.expects_failures = True
    context = open_context()
    table = Table(context.new_page(), server.url).open().start()
    context.set_offline(True)
    table.move("rock").click()
    expect(table.problem).to_contain_text("You are offline")
    context.set_offline(False)
    table.settled(1)
    expect(table.problem).to_be_hidden()


def test_an_unknown_game_leads_back_to_the_opponents(table: Table, watch: Watch) -> None:
    watch.expects_failures = True
    table.open()
    table.page.evaluate("localStorage.setItem('rps-lite-game', '00000000-0000-4000-8000-000000000000')")
    table.page.reload()
    expect(table.lobby).to_be_visible()
    assert table.page.evaluate("localStorage.getItem('rps-lite-game')") is None


def test_a_failed_start_can_be_tried_again(table: Table, watch: Watch) -> None:
    watch.expects_failures = True
    table.open()
    table.page.route("**/start_game", lambda route: route.abort(), times=1)
    table.lobby.click()
    expect(table.problem).to_contain_text("The server does not answer")
    table.page.get_by_role("button", name="Try again").click()
    table.ready(1)


def test_a_malformed_reply_is_reported_and_not_shown_as_numbers(table: Table) -> None:
    table.open().start()
    table.page.route("**/play", lambda route: route.fulfill(json={"round": 1, "user_score": "ten"}), times=1)
    table.move("rock").click()
    expect(table.problem).to_contain_text('no number "user_score"')
    table.page.get_by_role("button", name="Try again").click()
    table.settled(1)


def test_a_reply_that_is_not_json_is_reported_and_the_move_can_be_sent_again(table: Table, watch: Watch) -> None:
    watch.expects_failures = True
    table.open().start()
    page = "<!doctype html><title>A proxy's page</title>"
    table.page.route("**/play", lambda route: route.fulfill(body=page, content_type="text/html"), times=1)
    table.move("rock").click()
    expect(table.problem).to_contain_text("The server does not answer")
    table.page.get_by_role("button", name="Try again").click()
    table.settled(1)
