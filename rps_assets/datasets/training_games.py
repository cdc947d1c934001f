"""Games that a training would use now, and their summary."""

from datetime import datetime
from typing import NamedTuple

import polars as pl
from sqlalchemy import Connection, Engine

from rps_assets.datasets.selection import kept_games, plan_training_games, read_games
from rps_core.settings import TrainingSettings


class SelectionSummary(NamedTuple):
    """Summary of a selection.

    Attributes:
        examples: examples of the kept games, of which `human_examples` come from games of people.
        dropped: reason, number of games and number of examples of each reason for dropping games.
    """

    games: int
    human_games: int
    scripted_games: int
    examples: int
    human_examples: int
    dropped_games: int
    dropped: list[tuple[str, int, int]]


def select_games(connection: Connection, training: TrainingSettings) -> pl.DataFrame:
    """Return every candidate with a column `dropped`: null for a game that trains, otherwise the reason."""
    since = training.training_data_since
    games = read_games(connection, since, include_recordings=training.training_include_recordings)
    return plan_training_games(games, since, training.training_scripted_game_stride, training.max_usable_rows)


def read_kept_games(store: Engine, training: TrainingSettings) -> pl.DataFrame:
    """Return the games that a training would use now."""
    with store.connect() as connection:
        return kept_games(select_games(connection, training))


def summarise(planned: pl.DataFrame) -> SelectionSummary:
    """Return the summary of a selection."""
    kept = kept_games(planned)
    human = kept.filter(pl.col("player_kind") == "human")
    dropped = planned.filter(pl.col("dropped").is_not_null())
    by_reason = dropped.group_by("dropped").agg(games=pl.len(), examples=pl.col("examples").sum()).sort("dropped")
    return SelectionSummary(
        games=len(kept),
        human_games=len(human),
        scripted_games=int((kept["player_kind"] == "scripted").sum()),
        examples=int(kept["examples"].sum()),
        human_examples=int(human["examples"].sum()),
        dropped_games=len(dropped),
        dropped=by_reason.rows(),
    )


def examples_since(kept: pl.DataFrame, trained_until: datetime) -> int:
    """Return the number of examples in kept games that are newer than the newest trained game."""
    return int(kept.filter(kept["created_at"] > trained_until)["examples"].sum())


def newest_games(kept: pl.DataFrame, max_examples: int) -> pl.DataFrame:
    """Return the newest kept games with at most `max_examples` examples, oldest first."""
    newest = kept.reverse()
    return newest.filter(newest["examples"].cum_sum() <= max_examples).reverse()
