"""Measure one decision without HTTP or store: features, the predictions of four models, and the choice by the rule.

    python -m benchmarks.decision

Also the table of win probability, which each process builds once. Ours is `rps_api.games.decision.decide` on loaded
models. The baseline builds a pandas frame and calls its four models one after the other. Both see the same rounds of
the same game.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

from benchmarks.baseline.app import predict_all as baseline_predictions
from benchmarks.baseline.features import feature_frame as baseline_features
from benchmarks.baseline.models import load_predictors
from benchmarks.report import Goal, Table, publish, spread
from benchmarks.trained_models import baseline_models, fill_cache
from rps_api.games.decision import UpcomingRound, decide
from rps_api.inference.served_models import ServedModels
from rps_api.inference.snapshot import Snapshot
from rps_core.cache import ModelCache
from rps_core.features.steps import steps_after
from rps_core.game.choice import choose_move, sanitize_probabilities
from rps_core.game.equilibrium import win_table
from rps_core.game.families import FAMILIES, Family
from rps_core.game.moves import MOVES
from rps_core.game.opponents import opponent_of
from rps_core.game.rules import DEFAULT_RULES, FIRST_STAKE
from rps_core.game.scoring import PlayedRound, play_round, round_points
from rps_core.store.games import StoredGame

LIMIT_US = 100.0
TABLE_MS, TABLE_KB, TABLES = 30.0, 200.0, 9
ROUNDS = 9
WARM_UP = 20


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=3_000, help="our decisions for each family")
    parser.add_argument(
        "--baseline-repetitions", type=int, default=200, help="decisions of the baseline for each family"
    )
    options = parser.parse_args()
    snapshot, predictors = loaded_models(), load_predictors(baseline_models())
    rows, goals = [], []
    for family in FAMILIES:
        game = game_under_way(family)
        mine = spread(_times_us(lambda game=game: our_decision(game, snapshot), options.repetitions))
        other = spread(_times_us(lambda game=game: baseline_decision(game, predictors), options.baseline_repetitions))
        for system, found in (("ours", mine), ("baseline", other)):
            rows.append([family, system, found["median"], found["p5"], found["p95"], found["p99"]])
        goals.append(Goal(f"decision, {family}, median", mine["median"], "µs", LIMIT_US, baseline=other["median"]))
    build_us = spread(_times_us(win_table.__wrapped__, TABLES))["median"]
    goals.append(Goal("table of win probability, build", round(build_us / 1_000, 1), "ms", TABLE_MS))
    goals.append(Goal("table of win probability, size", win_table().size_bytes / 1_000, "kB", TABLE_KB))
    columns = ("family", "system", "median µs", "p5 µs", "p95 µs", "p99 µs")
    publish("decision", goals, [Table("One decision in process", columns, rows)])


def loaded_models() -> Snapshot:
    """Return the twelve models as the API holds them."""
    with tempfile.TemporaryDirectory(prefix="rps-benchmark-") as folder:
        fill_cache(Path(folder))
        served = ServedModels(ModelCache.open(f"file://{folder}"), lambda: datetime.now(UTC))
        served.refresh()
        return served.snapshot


def game_under_way(family: Family, rounds: int = ROUNDS) -> StoredGame:
    """Return a game after some rounds of random moves."""
    random, game_id = Random(1), f"decision-{family}"
    game = StoredGame(
        id=game_id,
        session_id="benchmark",
        player_name="Nora",
        player_kind="test",
        policy=opponent_of(family).policy,
        family=family,
        alias="Production",
        model=None,
        opening_name=None,
        opening=(),
        created_at=datetime.now(UTC),
        choice_rule=DEFAULT_RULES[opponent_of(family).policy],
        stake=FIRST_STAKE,
        budget=FIRST_STAKE,
    )
    history: list[PlayedRound] = []
    user = bot = 0.0
    for number in range(1, rounds + 1):
        points, moves = round_points(game_id, number), (random.choice(MOVES), random.choice(MOVES))
        outcome = play_round(user, bot, *moves, points)
        user, bot = outcome.user_score, outcome.bot_score
        history.append(PlayedRound(number, *moves, points, user, bot))
    return game._replace(rounds=tuple(history), user_score=user, bot_score=bot)


def our_decision(game: StoredGame, snapshot: Snapshot) -> str:
    """Return the bot's move that the API chooses."""
    upcoming = UpcomingRound(game, steps_after(game.rounds))
    return decide(game, upcoming, snapshot, forced_fallback=False, draw=SystemRandom().random).bot_move


def baseline_decision(game: StoredGame, predictors: dict[Any, Any]) -> str:
    """Return the bot's move that the baseline chooses."""
    points = round_points(game.id, game.next_round_no)
    features = baseline_features(rows_of(game), points)
    predictions = baseline_predictions(predictors, game.family, features)
    return choose_move(sanitize_probabilities(predictions[game.alias]), points, game.bot_score, game.user_score)


def rows_of(game: StoredGame) -> list[dict[str, Any]]:
    """Return the rounds of a game in the form of the baseline's store."""
    return [
        {
            "user_move": played.user_move,
            "bot_move": played.bot_move,
            **{f"{move}_pts": value for move, value in zip(MOVES, played.points, strict=True)},
            "user_score": played.user_score,
            "bot_score": played.bot_score,
        }
        for played in game.rounds
    ]


def _times_us(decide_once: Callable[[], object], repetitions: int) -> list[float]:
    for _ in range(WARM_UP):
        decide_once()
    times = []
    for _ in range(repetitions):
        started = time.perf_counter_ns()
        decide_once()
        times.append((time.perf_counter_ns() - started) / 1_000)
    return times


if __name__ == "__main__":
    main()
