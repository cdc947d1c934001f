"""Verification of a dataset against the gameplay store: no example contains its label, and the stride is respected."""

from collections.abc import Mapping, Sequence

import polars as pl
from sqlalchemy import Connection

from rps_assets.datasets.build import read_rounds
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.features.history import features_from_history
from rps_core.game.moves import MOVES
from rps_core.game.scoring import PlayedRound
from rps_core.settings import TrainingSettings

EASY_MODE = CURRENT_CONTRACT.columns.index("easy_mode")


def sample_game_ids(games: pl.DataFrame, fingerprint: str, at_most: int) -> list[str]:
    """Return a sample of game ids of a dataset, the same for equal fingerprints."""
    ids = games["game_id"]
    return ids.sample(min(at_most, len(ids)), seed=int(fingerprint[:8], 16)).to_list()


def stored_histories(connection: Connection, game_ids: list[str]) -> dict[str, list[PlayedRound]]:
    """Return the stored rounds of games, in the order of play."""
    rounds = read_rounds(connection, game_ids).sort("game_id", "round_no")
    histories: dict[str, list[PlayedRound]] = {}
    for game_id, number, user, bot, rock, paper, scissors, user_score, bot_score in rounds.iter_rows():
        played = PlayedRound(number, user, bot, (rock, paper, scissors), user_score, bot_score)
        histories.setdefault(game_id, []).append(played)
    return histories


def leaking_examples(frame: pl.DataFrame, histories: Mapping[str, Sequence[PlayedRound]]) -> list[str]:
    """Return the examples whose features or label differ from what the stored rounds give.

    Features are computed again from the rounds before the example alone. `easy_mode` is known before a game begins, so
    it is taken from the example itself.
    """
    differing = []
    columns = ("game_id", "round_no", "label", *CURRENT_CONTRACT.columns)
    for game_id, number, label, *features in frame.select(columns).iter_rows():
        rounds = histories.get(game_id, ())
        if len(rounds) < number:
            differing.append(f"{game_id}, round {number} (not stored)")
            continue
        played = rounds[number - 1]
        known = features_from_history(rounds[: number - 1], played.points, number, bool(features[EASY_MODE]))
        if known != features or MOVES[label] != played.user_move:
            differing.append(f"{game_id}, round {number}")
    return differing


def misplaced_scripted_games(
    candidates: pl.DataFrame, selected: set[str], training: TrainingSettings
) -> tuple[int, list[int]]:
    """Check the stride of the selected scripted games without the code that selects them.

    Returns:
        The number of selected scripted games, and the positions (0 for the newest) of those off the stride.
    """
    rows = candidates.filter(
        (candidates["player_kind"] == "scripted") & (candidates["created_at"] >= training.training_data_since)
    )
    newest_first = sorted(rows.select("created_at", "game_id").iter_rows(), reverse=True)
    places = [place for place, (_, game_id) in enumerate(newest_first) if game_id in selected]
    stride = training.training_scripted_game_stride
    return len(places), [place for number, place in enumerate(places) if place != number * stride]
