"""Games that a training would use now, and their summary."""

from datetime import datetime
from typing import NamedTuple

import polars as pl
from sqlalchemy import Connection

from rps_assets.datasets.selection import kept_games, newest_games_up_to, plan_training_games, read_games
from rps_core.settings import TrainingSettings
from rps_core.store.analytics.training import select_training_games


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


class NewerGames(NamedTuple):
    """Games that would train and are newer than a selection.

    Attributes:
        selected_until: creation time of the newest game that the selection considered; None if it found no games.
    """

    games: int
    examples: int
    selected_until: datetime | None


def select_games(
    connection: Connection,
    training: TrainingSettings,
    *,
    newer_than: datetime | None = None,
    reserved: int = 0,
) -> pl.DataFrame:
    """Return the newest candidates with a column `dropped`: null for a game that trains, otherwise the reason.

    Older games than the returned ones do not train, because their examples exceed the limit. With `newer_than` only
    newer games are read; `reserved` is then what `people_examples` counts up to that moment.
    """
    since, stride = training.training_data_since, training.training_scripted_game_stride
    games = read_games(
        connection,
        since,
        include_recordings=training.training_include_recordings,
        stride=stride,
        max_examples=training.max_usable_rows,
        newer_than=newer_than,
        reserved=reserved,
    )
    return plan_training_games(games, since, stride, training.max_usable_rows, reserved)


def newer_games(connection: Connection, training: TrainingSettings, candidates: pl.DataFrame) -> NewerGames:
    """Count the games that a selection of now would add to an older one.

    Args:
        connection: the gameplay store.
        training: the settings of now.
        candidates: what the older selection considered, as `select_games` returned it.
    """
    until: datetime | None = candidates["created_at"].max()  # type: ignore[assignment]  # a column of datetimes
    kept = kept_games(select_games(connection, training, newer_than=until))
    return NewerGames(len(kept), int(kept["examples"].sum()), until)


def people_examples(connection: Connection, training: TrainingSettings, until: datetime) -> int:
    """Count the examples of people's games up to a moment, the newest first; stop when no more fit into a training."""
    query = select_training_games(
        training.training_data_since,
        include_recordings=training.training_include_recordings,
        player_kind="human",
        until=until,
    )
    return sum(row.examples for row in newest_games_up_to(connection, query, training.max_usable_rows))


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
