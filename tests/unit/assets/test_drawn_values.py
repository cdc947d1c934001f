"""Recordings without values train twice, and both examples of a round know only the past."""

import msgspec
import polars as pl

from rps_assets.datasets.build import GAME_SCHEMA, compute, round_schema
from rps_assets.datasets.drawn_values import drawn_rounds
from rps_assets.datasets.feature_tables import TABLES
from rps_assets.datasets.verification import StoredHistory, leaking_examples
from rps_assets.monitoring.parity import PlayedGame, rounds_frame
from rps_core.features.contract import CONTRACT_V3
from rps_core.features.steps import person_counts
from rps_core.game.moves import MOVES
from rps_core.game.scoring import PlayedRound, play_round, round_points
from tests.builders.games import DEMO_MOVES, history_of


def recording(moves: int, seed: int) -> tuple[PlayedRound, ...]:
    """A piece of a recording: every move is worth one point."""
    rounds, user, bot = [], 0.0, 0.0
    for number in range(1, moves + 1):
        pair = MOVES[number * seed % 3], MOVES[(number * seed + number // 2) % 3]
        outcome = play_round(user, bot, *pair, (1.0, 1.0, 1.0))
        user, bot = outcome.user_score, outcome.bot_score
        rounds.append(PlayedRound(number, *pair, (1.0, 1.0, 1.0), user, bot))
    return tuple(rounds)


def test_each_round_of_a_recording_is_an_example_without_and_with_values_and_other_games_are_as_before() -> None:
    first, second, ours = recording(9, 1), recording(9, 2), tuple(history_of("demo-alpha", DEMO_MOVES))
    games = pl.DataFrame(
        {
            "game_id": ["ours", "rec:10"],
            "easy_mode": [0, 0],
            "is_played": [True, False],
            "remembered_games": [None, msgspec.json.encode(["rec:1"]).decode()],
        }
    )
    rounds = rounds_frame([PlayedGame("ours", False, ours), PlayedGame("rec:10", False, second)])
    examples = compute(games, rounds, rounds_frame([PlayedGame("rec:1", False, first)]), TABLES[3])
    assert examples["game_id"].to_list() == ["ours"] * (len(ours) - 3) + ["rec:10"] * (len(examples) - len(ours) + 3)
    again = drawn_rounds("rec:10", second)
    plain, drawn = (examples.filter(game_id="rec:10").slice(*part) for part in ((0, 6), (6, None)))
    assert len(drawn) == len(again) - 3 > 0
    assert plain["value_stay"].unique().to_list() == [1.0]
    assert drawn.row(0, named=True)["value_stay"] in round_points("rec:10", 4)
    # What was remembered has drawn values, too, so ranks were seen; moves and labels are the same.
    assert plain["rank_seen"].max() == 0 < drawn["rank_seen"].min()
    assert drawn["label"].to_list() == plain["label"].to_list()[: len(drawn)]

    histories = {
        "ours": StoredHistory(list(ours)),
        "rec:10": StoredHistory(
            list(second),
            person_counts([first]),
            StoredHistory(again, person_counts([drawn_rounds("rec:1", first)])),
        ),
    }
    assert leaking_examples(examples, histories, CONTRACT_V3) == []
    undrawn = histories | {"rec:10": histories["rec:10"]._replace(drawn=None)}
    assert len(leaking_examples(examples, undrawn, CONTRACT_V3)) == len(drawn)


def test_without_games_there_are_no_examples() -> None:
    games = pl.DataFrame(schema=GAME_SCHEMA)
    nothing = pl.DataFrame(schema=round_schema())
    assert len(compute(games, nothing, nothing, TABLES[3])) == 0
