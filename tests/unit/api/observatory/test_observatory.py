"""The observatory's state equals store, cache and served models, and contains no names."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from msgspec.structs import asdict

from rps_api.app import create_app
from rps_api.observatory.cached import CachedAnswer
from rps_api.observatory.views import last_minutes, rate
from rps_cli.commands.standing import standing_lines
from rps_core.game.families import SLOTS
from rps_core.promotion.progress import comparison_progress
from rps_core.promotion.rules import counted_players, rules_of
from rps_core.settings import load_settings
from rps_core.store import PromotionLedger, open_engine
from rps_core.store.analytics.activity import finished_by_minute
from rps_core.store.analytics.comparisons import read_comparison
from rps_core.store.analytics.filters import GameFilter
from rps_core.store.analytics.versions import version_performance
from rps_core.store.reports import DISK_USE_REPORT, Reports
from tests.browser.scene import PEOPLE, Scene
from tests.unit.api.conftest import OPERATOR, TOKEN

NOON = datetime(2026, 11, 25, 12, 0, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("scene"), now=NOON).play(cycles=2, games_a_cycle=12)


@pytest.fixture
def client(scene: Scene) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(scene.settings, clock=lambda: NOON)) as client:
        client.get("/stats/global").raise_for_status()  # waits until the rounds are added up
        yield client


@pytest.fixture
def state(client: TestClient[Litestar]) -> dict[str, Any]:
    return dict(client.get("/observatory/state").raise_for_status().json())


def test_the_state_is_public_and_contains_no_names(client: TestClient[Litestar], state: dict[str, Any]) -> None:
    reply = client.get("/observatory/state", headers={"X-Forwarded-For": "203.0.113.7"})
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-store"
    games = client.get("/games").json()["games"]
    secrets = {*PEOPLE, *(game["game_id"] for game in games)}
    assert len(games) == 24
    assert [secret for secret in secrets if secret in reply.text] == []
    assert "session" not in reply.text


def test_the_activity_equals_the_store(client: TestClient[Litestar], state: dict[str, Any]) -> None:
    activity, found = state["activity"], client.get("/stats/global").json()
    assert activity["counted"] is True
    assert activity["rounds"] == found["total_rounds"] == sum(activity["rounds_by_source"].values())
    assert activity["finished_games"] == found["total_games"] == 24
    assert sum(activity["games_by_minute"]) == 24
    assert sum(activity["rounds_by_minute"]) == found["total_rounds"]
    assert len(activity["rounds_by_minute"]) == len(activity["games_by_minute"]) == 60


def test_opponents_show_their_rule_and_results_against_expectation(
    client: TestClient[Litestar], state: dict[str, Any]
) -> None:
    games = client.get("/games", params={"limit": 100}).json()["games"]
    for opponent in state["opponents"]:
        won = [game["winner"] for game in games if game["policy"] == opponent["policy"] and game["winner"] != "tie"]
        assert opponent["choice_rule"] == ("banked" if opponent["policy"] == "forrest" else "win_probability")
        assert (opponent["win_rate"]["hits"], opponent["win_rate"]["trials"]) == (won.count("bot"), len(won))
        assert -0.5 < opponent["expected"] < 1.5
    assert sum(opponent["games"] for opponent in state["opponents"]) == 24
    assert sum(found["rounds"] for found in state["calibration"]) == state["activity"]["rounds"]
    assert [found["predicted"] for found in state["calibration"]] == sorted(
        found["predicted"] for found in state["calibration"]
    )
    assert all(0 <= found["won"] <= 1 for found in state["calibration"])


def test_each_slot_shows_the_accuracy_of_its_version_across_slots(scene: Scene, state: dict[str, Any]) -> None:
    engine = open_engine(scene.settings.storage.database_url)
    with engine.connect() as connection:
        performance = {(row.family, row.version): row for row in version_performance(connection)}
    engine.dispose()
    assert [(slot["family"], slot["alias"]) for slot in state["slots"]] == list(SLOTS)
    for slot in state["slots"]:
        row, found = performance[slot["family"], slot["version"]], slot["accuracy"]
        assert (found["hits"], found["trials"]) == (row.correct, row.predictions)
        assert found["low"] < found["rate"] < found["high"]


def test_the_comparison_equals_that_of_the_next_promotion_cycle(scene: Scene, state: dict[str, Any]) -> None:
    engine, rules = open_engine(scene.settings.storage.database_url), rules_of(scene.settings.promotion)
    ledger = PromotionLedger(engine)
    for family in state["families"]:
        newest = ledger.newest_decision(family["family"])
        assert newest is not None
        assert newest.open_comparison is not None
        with engine.connect() as connection:
            read = read_comparison(connection, family["family"], newest.open_comparison, NOON)
        counted = counted_players(read.counts, rules)
        expected = comparison_progress(counted, rules)
        assert family["progress"] == asdict(expected)
        assert family["comparison"]["pairs"] == expected.pairs
        b, production = family["b"], family["production"]
        # The ids of the games decide who plays: of a few games, one side may have none.
        games = tuple(side["win_rate"]["trials"] if side["win_rate"] else 0 for side in (b, production))
        assert games == (counted.counts.b_games, counted.counts.production_games)
        assert sum(games) > 0
        assert (production["configuration_id"], b["configuration_id"]) == (
            family["comparison"]["production"],
            family["comparison"]["b"],
        )
        assert b["configuration_id"] in family["standing"]
        assert "counting scripted players: people have played" in family["standing"]
        assert datetime.fromisoformat(family["next_decision_at"]) == newest.created_at + timedelta(minutes=30)
        assert [one["rank"] for one in family["challengers"]] == [1, 2, 3]
    engine.dispose()


def test_the_terminal_shows_the_same_standing(state: dict[str, Any]) -> None:
    lines = standing_lines(state["families"], NOON)
    forrest = state["families"][0]
    judged = forrest["comparison"]
    counts = [judged["pairs"], judged["b_pairs"], judged["production_pairs"]]
    assert lines[1].split()[:6] == [forrest["family"], judged["production"], judged["b"], *map(str, counts)]
    (sentence,) = (line for line in lines if line.startswith(f"{forrest['family']}: "))
    assert forrest["standing"] in sentence
    assert "next decision" in sentence


def test_the_ledger_and_the_cache_are_listed_in_order(state: dict[str, Any]) -> None:
    assert {event["family"] for event in state["ledger"]} == {family["family"] for family in state["families"]}
    times = [event["at"] for event in state["ledger"]]
    assert times == sorted(times, reverse=True)
    assert len(state["cache"]["entries"]) == state["serving"]["filled"] == 12
    assert all(entry["served"] for entry in state["cache"]["entries"])
    assert state["serving"]["source"] == "cache"
    assert state["dataset"]["games"] > 0


def test_the_disk_is_shown_as_it_was_measured_last(
    client: TestClient[Litestar], state: dict[str, Any], scene: Scene
) -> None:
    assert state["disk"] is None
    engine = open_engine(scene.settings.storage.database_url)
    Reports(engine).write(DISK_USE_REPORT, {"bytes": {"datasets": 12}}, NOON)
    engine.dispose()
    with TestClient(create_app(scene.settings, clock=lambda: NOON, refresh_models=False)) as again:
        assert again.get("/observatory/state").json()["disk"]["bytes"] == {"datasets": 12}


def test_cache_entries_show_whether_they_are_served(scene: Scene, tmp_path: Path) -> None:
    app = create_app(scene.settings, clock=lambda: NOON, refresh_models=False)
    with TestClient(app) as client:
        state = client.get("/observatory/state").json()
    assert (state["serving"]["filled"], state["serving"]["source"], state["dataset"]) == (0, None, None)
    assert [entry["served"] for entry in state["cache"]["entries"]] == [False] * 12
    assert {slot["version"] for slot in state["slots"]} == {None}


@pytest.mark.parametrize("index", [None, "{", '{"format_version": 99}'])
def test_a_fresh_installation_has_a_state_without_models(tmp_path: Path, index: str | None) -> None:
    if index is not None:
        (tmp_path / "model_cache").mkdir()
        (tmp_path / "model_cache" / "index.json").write_text(index)
    with TestClient(create_app(load_settings(data_path=tmp_path), refresh_models=False)) as client:
        reply = client.get("/observatory/state")
        assert reply.status_code == 200
    state = reply.json()
    assert state["cache"] == {"readable": False, "written_at": None, "entries": []}
    assert state["ledger"] == []
    assert {slot["accuracy"] for slot in state["slots"]} == {None}
    assert all(family["progress"]["share"] == 0 for family in state["families"])
    assert str(tmp_path) not in reply.text


def test_games_count_in_the_minute_of_their_end(scene: Scene) -> None:
    engine = open_engine(scene.settings.storage.database_url)
    with engine.connect() as connection:
        all_minutes = finished_by_minute(connection, GameFilter(scene.settings.operations.metrics_since), NOON, 60)
        lately = finished_by_minute(connection, GameFilter(scene.settings.operations.metrics_since), NOON, 10)
        later = finished_by_minute(connection, GameFilter(NOON), NOON, 60)
    engine.dispose()
    assert sum(all_minutes.values()) == 24
    assert 0 < sum(lately.values()) < 24
    assert later == {}


def test_minutes_without_play_are_zero_and_the_current_one_is_last() -> None:
    found = last_minutes({"2026-11-25T12:00": 3, "2026-11-25T11:01": 5, "2026-11-25T11:00": 9}, NOON)
    assert (len(found), found[-1], found[0], sum(found)) == (60, 3, 5, 8)


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    # Wilson's 95 % interval, as statistics packages compute it.
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (330, 1000, 0.3016, 0.3597)],
)
def test_a_rate_has_its_wilson_interval(hits: int, trials: int, low: float, high: float) -> None:
    found = rate(hits, trials)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_a_rate_without_trials_is_none_and_impossible_counts_raise() -> None:
    assert rate(0, 0) is None
    with pytest.raises(ValueError, match="successes"):
        rate(3, 2)


def test_a_slow_answer_is_computed_less_often() -> None:
    time, computed = [0.0], []

    def compute(seconds: float) -> int:
        time[0] += seconds
        computed.append(time[0])
        return len(computed)

    quick = CachedAnswer(lambda: compute(0.01), 2.0, now=lambda: time[0])
    assert [quick.read(), quick.read()] == [1, 1]
    time[0] += 2.1
    assert quick.read() == 2
    slow_answer = CachedAnswer(lambda: compute(1.0), 2.0, now=lambda: time[0])
    first = slow_answer.read()
    time[0] += 15
    assert slow_answer.read() == first
    time[0] += 10
    assert slow_answer.read() == first + 1


def test_an_answer_about_something_else_is_computed_at_once() -> None:
    computed = iter(range(9))
    cached = CachedAnswer(lambda: next(computed), 60.0)
    assert [cached.read("v1"), cached.read("v1"), cached.read("v2"), cached.read("v2")] == [0, 0, 1, 1]


def test_comparisons_change_together_with_the_slots(scene: Scene) -> None:
    settings = load_settings(data_path=scene.settings.storage.data_path, api_token=TOKEN)
    with TestClient(create_app(settings, clock=lambda: NOON, refresh_models=False)) as client:
        client.post("/models/reload", headers=OPERATOR).raise_for_status()

        def shown() -> tuple[dict[str, Any], dict[str, Any]]:
            state = client.get("/observatory/state").json()
            return next(slot for slot in state["slots"] if slot["alias"] == "B"), state["families"][0]

        slot, family = shown()
        assert family["b"]["version"] == slot["version"] is not None
        client.delete(f"/models/{slot['family']}@B", headers=OPERATOR).raise_for_status()
        while (found := shown())[0]["version"] is not None:
            sleep(0.05)
        assert (found[1]["b"]["version"], found[1]["comparison"]) == (None, None)


def test_an_error_reaches_the_caller_and_is_not_cached() -> None:
    answers: list[int | Exception] = [OSError("gone"), 7]

    def compute() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    cached = CachedAnswer(compute, 60.0)
    with pytest.raises(OSError, match="gone"):
        cached.read()
    assert cached.read() == 7
