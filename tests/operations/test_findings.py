"""Conclusions of the checks: metrics as text, counters that moved, columns that differ."""

from collections import Counter
from typing import Any

import pytest

from rps_cli.operations.findings import NotApplicable, NotAsExpected, render, run_all, run_until_failed
from rps_cli.operations.metrics import read_samples, sample_key
from rps_cli.operations.parity import AnsweredRound, NothingToCompare, compare, play_for_parity
from rps_cli.operations.registry import registered_models
from rps_cli.operations.validation import Exercise, batches, expected_movements, judge_games, movement_faults
from rps_core.addresses import public_address
from rps_core.api_client import ApiClient, ApiError
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.features.rows import features_of_round
from rps_core.game.moves import MOVES
from rps_core.game.scoring import PlayedRound, play_round, round_points
from rps_core.registry_server import RegistryFault
from rps_core.settings import ServiceSettings, load_settings
from rps_core.simulation.report import GameOutcome, PlannedGame, SimulationReport
from tests.builders.ports import free_port

TEXT = """# HELP rps_games Finished games.
# TYPE rps_games counter
rps_games_total{model_type="xgboost",policy="forrest"} 3.0
rps_games_total{policy="brian",model_type="feedforward_nn"} 4.0 1700000000
rps_odd{text="a \\"b\\" \\\\ c, d=\\"e\\"\\n"} 1e3
rps_store_up 1.0
"""


def test_samples_are_read_with_labels_in_any_order_and_escapes() -> None:
    samples = read_samples(TEXT)
    assert samples[sample_key("rps_games_total", policy="forrest", model_type="xgboost")] == 3
    assert samples[sample_key("rps_odd", text='a "b" \\ c, d="e"\n')] == 1000
    assert len(samples) == 4


@pytest.mark.parametrize(
    ("uri", "safe"),
    [
        ("https://me:s3cret@mlflow.example/a@b", "https://mlflow.example/a@b"),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("sqlite:///x.db", "sqlite:///x.db"),
    ],
)
def test_an_address_is_shown_without_its_password(uri: str, safe: str) -> None:
    assert public_address(uri) == safe


def test_an_error_about_mlflow_does_not_contain_its_password() -> None:
    with pytest.raises(RegistryFault) as failed:
        registered_models(mlflow("http://me:s3cret@127.0.0.1:9"))
    assert "s3cret" not in str(failed.value)
    with pytest.raises(NotApplicable):
        registered_models(mlflow("sqlite:///mlflow.db"))


def mlflow(uri: str) -> ServiceSettings:
    return load_settings(mlflow_tracking_uri_override=uri).services


def outcome(number: int = 0, **changes: Any) -> GameOutcome:
    ended = GameOutcome(
        PlannedGame(number, "cal", "forrest"),
        "bot",
        12,
        "B",
        sources=Counter(gambit=3, mlflow=9),
        round_results=Counter(win=4, lose=6, draw=2),
        predicted=Counter({"Production": 9, "B": 9}),
        correct=Counter({"Production": 4, "B": 5}),
        game_id="g",
    )
    return ended._replace(**changes)


def test_the_expected_movements_of_counters_follow_from_the_replies() -> None:
    moved = expected_movements([outcome(), outcome(1, result="tie", alias="Production")])
    bot = {"policy": "forrest", "model_type": "xgboost", "difficulty": "standard"}
    assert moved[sample_key("rps_games_total", **bot)] == 2
    assert moved[sample_key("rps_game_wins_total", **bot)] == 1
    assert moved[sample_key("rps_game_ties_total", **bot)] == 1
    assert moved[sample_key("rps_action_wins_total", **bot)] == 12
    assert moved[sample_key("rps_model_games_by_alias_total", model="xgboost", alias="B", difficulty="standard")] == 1
    assert moved[sample_key("rps_model_correct_predictions_by_alias_total", model="xgboost", alias="B")] == 10
    assert moved[sample_key("rps_model_prediction_sources_total", model="xgboost@B", source="mlflow")] == 9
    assert not any(source == "gambit" for _, labels in moved for name, source in labels if name == "source")


def test_a_counter_that_moved_by_an_unexpected_amount_is_reported() -> None:
    wanted = Counter({sample_key("rps_games_total", policy="forrest"): 2})
    before = {sample_key("rps_games_total", policy="forrest"): 5.0, sample_key("rps_games_total", policy="brian"): 1.0}
    after = dict(before)
    assert movement_faults(before, after, wanted, shared=True) == [
        'rps_games_total{policy="forrest"} moved by 0, expected 2'
    ]
    after[sample_key("rps_games_total", policy="forrest")] = 8.0
    assert len(movement_faults(before, after, wanted, shared=False)) == 1
    assert movement_faults(before, after, wanted, shared=True) == []
    after = {sample_key("rps_games_total", policy="forrest"): 7.0, sample_key("rps_games_total", policy="brian"): 2.0}
    assert movement_faults(before, after, wanted, shared=False) == [
        'rps_games_total{policy="brian"} moved by 1, expected 0'
    ]


def test_a_batch_with_errors_or_without_models_fails() -> None:
    assert "no errors" in judge_games(SimulationReport((outcome(),)))
    with pytest.raises(NotAsExpected, match="POST /play answered 500"):
        judge_games(SimulationReport((outcome(result="error", problem="POST /play answered 500"),)))
    with pytest.raises(NotAsExpected, match="1 games did not end"):
        judge_games(SimulationReport((outcome(result="timeout"),)))
    with pytest.raises(NotAsExpected, match="9 of 12 rounds had no model"):
        judge_games(SimulationReport((outcome(sources=Counter(gambit=3, fallback=9)),)))


def test_batches_cover_all_games() -> None:
    sizes = [len(batch) for batch in batches(Exercise(games=120, batch=50, seed=1))]
    assert sizes == [50, 50, 20]


def failing() -> str:
    raise NotAsExpected("three slots are empty\nand one is odd", "fill them")


def skipped() -> str:
    raise NotApplicable("not configured")


def test_checks_either_all_run_or_stop_at_the_first_failure() -> None:
    steps = [("one", lambda: "fine"), ("two", failing), ("three", skipped)]
    assert [finding.verdict for finding in run_until_failed(steps)] == ["ok", "failed"]
    table = render(run_all(steps))
    assert table.splitlines() == [
        "ok       one    fine",
        "failed   two    three slots are empty",
        "                and one is odd",
        "                -> fill them",
        "skipped  three  not configured",
        "1 of 3 failed",
    ]


def answered(game_id: str = "g", rounds: int = 6) -> list[AnsweredRound]:
    """A game as a correct API would answer it."""
    history: list[PlayedRound] = []
    rounds_played = []
    for no in range(1, rounds + 1):
        points = round_points(game_id, no)
        features = features_of_round(CURRENT_CONTRACT, history, points)
        before = (history[-1].user_score, history[-1].bot_score) if history else (0.0, 0.0)
        user, bot = MOVES[no % 3], MOVES[no * 2 % 3]
        ended = play_round(*before, user, bot, points)
        history.append(PlayedRound(no, user, bot, points, ended.user_score, ended.bot_score))
        probabilities = {"rock": 0.5, "paper": 0.25, "scissors": 0.25}
        prediction = {"predicted_move": "rock", "probabilities": probabilities}
        reply = {
            "game_id": game_id,
            "round": no,
            "user_move": user,
            "bot_move": bot,
            "round_points": dict(zip(MOVES, points, strict=True)),
            "user_score": ended.user_score,
            "bot_score": ended.bot_score,
            "ab_assignment": {"alias": "B"},
            "debug": {
                "features": features,
                "probabilities": dict(probabilities),
                "alias_predictions": {"B": prediction} if no > 3 else {},
            },
        }
        explanation = {
            "features": dict(zip(CURRENT_CONTRACT.columns, features, strict=True)),
            "feature_contract": str(CURRENT_CONTRACT),
            "probabilities": dict(probabilities),
            "model": {"reproduced": True},
        }
        rounds_played.append(AnsweredRound(reply, explanation))
    return rounds_played


def test_equal_features_and_probabilities_pass_and_accuracy_is_the_share_of_right_predictions() -> None:
    report = compare(SimulationReport(()), answered(), {"B": 0.6})
    assert report.holds
    assert report.rounds == 3
    # Rounds 4 to 6 were paper, scissors and rock; the prediction was rock each time.
    assert report.accuracy == {"B": pytest.approx(1 / 3), "playing": pytest.approx(1 / 3)}
    assert "in training  60.0%" in report.lines()[0]


@pytest.mark.parametrize("place", ["reply", "explanation"])
def test_a_feature_that_differs_in_one_round_is_reported_with_its_column(place: str) -> None:
    game = answered()
    name = "habit_stay"
    if place == "reply":
        game[4].reply["debug"]["features"][CURRENT_CONTRACT.columns.index(name)] += 1e-12
    else:
        game[4].explanation["features"][name] += 1e-12
    report = compare(SimulationReport(()), game, {})
    assert not report.holds
    assert [(column.name, column.rounds, column.worst) for column in report.columns] == [(name, 1, "game g, round 5")]
    assert report.findings()[0].verdict == "failed"


def test_probabilities_that_differ_from_the_store_or_the_model_are_reported() -> None:
    game = answered()
    game[3].explanation["probabilities"]["rock"] = 0.4
    game[4].explanation["model"]["reproduced"] = False
    game[5].explanation["model"]["reproduced"] = None
    game[1].explanation["choice_reproduced"] = False
    report = compare(SimulationReport(()), game, {})
    assert [finding.verdict for finding in report.findings()] == ["ok", "failed", "failed"]
    assert report.not_chosen == ("game g, round 2",)
    assert len(report.not_reproduced) == 2
    assert report.unknown == 1
    assert not report.holds


def test_without_predictions_there_is_nothing_to_compare() -> None:
    with pytest.raises(NothingToCompare, match="no model predicted anything"):
        compare(SimulationReport(()), answered(rounds=3), {})


def test_parity_fails_at_once_without_an_api() -> None:
    missing = ApiClient(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ApiError, match=r"/healthz got no answer .*rps up"):
        play_for_parity(missing, 1_000, seed=1, pause_seconds=0.0)
