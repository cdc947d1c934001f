"""Verification of a dataset against the gameplay store: no example contains its label, and the stride is respected."""

from collections.abc import Mapping
from itertools import chain
from typing import NamedTuple

import msgspec
import polars as pl
from sqlalchemy import Connection

from rps_assets.datasets.build import read_games_by_id, read_rounds
from rps_assets.datasets.drawn_values import drawn_rounds, is_classic
from rps_core.features.contract import CURRENT_CONTRACT, FeatureContract
from rps_core.features.rows import features_of_round
from rps_core.features.steps import person_counts
from rps_core.game.moves import MOVES
from rps_core.game.scoring import PlayedRound
from rps_core.settings import TrainingSettings


class StoredHistory(NamedTuple):
    """The stored rounds of a game in the order of play, and the counts of the games that it remembers.

    Attributes:
        drawn: the same of a recording with drawn values, with which it trains a second time.
    """

    rounds: list[PlayedRound]
    remembered: list[int] | None = None
    drawn: "StoredHistory | None" = None


def sample_game_ids(games: pl.DataFrame, fingerprint: str, at_most: int) -> list[str]:
    """Return a sample of game ids of a dataset, the same for equal fingerprints."""
    ids = games["game_id"]
    return ids.sample(min(at_most, len(ids)), seed=int(fingerprint[:8], 16)).to_list()


def stored_histories(connection: Connection, game_ids: list[str]) -> dict[str, StoredHistory]:
    """Return what the store holds of games, by id."""
    named = read_games_by_id(connection, game_ids).select("game_id", "remembered_games").iter_rows()
    remembered = {game_id: msgspec.json.decode(text or "[]", type=list[str]) for game_id, text in named}
    rounds = _rounds_by_game(connection, sorted({*game_ids, *chain(*remembered.values())}))
    drawn = {game_id: drawn_rounds(game_id, own) for game_id, own in rounds.items() if is_classic(own)}
    return {
        game_id: _history(game_id, ids, rounds)._replace(
            drawn=_history(game_id, ids, drawn) if game_id in drawn else None
        )
        for game_id, ids in remembered.items()
        if game_id in rounds
    }


def _history(game_id: str, remembered: list[str], rounds: Mapping[str, list[PlayedRound]]) -> StoredHistory:
    counts = person_counts(rounds[other] for other in remembered if other in rounds)
    return StoredHistory(rounds[game_id], counts if remembered else None)


def _rounds_by_game(connection: Connection, game_ids: list[str]) -> dict[str, list[PlayedRound]]:
    rounds = read_rounds(connection, game_ids).sort("game_id", "round_no")
    found: dict[str, list[PlayedRound]] = {}
    for game_id, number, user, bot, rock, paper, scissors, user_score, bot_score in rounds.iter_rows():
        played = PlayedRound(number, user, bot, (rock, paper, scissors), user_score, bot_score)
        found.setdefault(game_id, []).append(played)
    return found


def leaking_examples(
    frame: pl.DataFrame, histories: Mapping[str, StoredHistory], contract: FeatureContract = CURRENT_CONTRACT
) -> list[str]:
    """Return the examples whose features or label differ from what the stored rounds give.

    Features are computed again from the rounds before the example alone, and from the games that the game remembers.
    `easy_mode` is known before a game begins, so it is taken from the example itself.
    """
    differing = []
    easy_mode = contract.columns.index("easy_mode") if "easy_mode" in contract.columns else None
    number_column = pl.col("round_no").cast(pl.Int64).alias("number")
    columns = [pl.col("game_id"), number_column, *map(pl.col, ("label", *contract.columns))]
    seen = set[tuple[str, int]]()
    for game_id, number, label, *features in frame.select(columns).iter_rows():
        history = histories.get(game_id, StoredHistory([]))
        # The second example of a round is that of a recording with drawn values.
        if (game_id, number) in seen:
            history = history.drawn or StoredHistory([])
        seen.add((game_id, number))
        rounds, remembered, _ = history
        if len(rounds) < number:
            differing.append(f"{game_id}, round {number} (not stored)")
            continue
        played = rounds[number - 1]
        is_easy = easy_mode is not None and bool(features[easy_mode])
        known = features_of_round(
            contract, rounds[: number - 1], played.points, easy_mode=is_easy, remembered=remembered
        )
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
